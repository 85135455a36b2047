//! The text of a PDF, extracted in a child process that may crash.
//!
//! A page may draw itself, and then the reader recurses until the stack overflows, which `catch_unwind` cannot
//! catch. So the application starts itself as `conch read-pdf`, writes the file to standard input, and reads
//! one line of JSON from standard output. Both limit the time, the child also its memory; a child that exits
//! without an answer means that the PDF is unreadable. The child exits when the application does, even after a
//! crash.

use std::io::{Read, Write};
use std::process::ExitCode;

use pdf_extract::{Document, Error, OutputError};
use serde::{Deserialize, Serialize};

use crate::{FILE_LIMIT, Refusal, TEXT_LIMIT};

/// The text extracted from a PDF.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pdf {
    /// The text of its pages, separated by empty lines.
    pub text: String,
    /// All pages, also those without text.
    pub pages: u32,
}

/// The JSON that [`serve_pdf`] writes to standard output.
pub type PdfAnswer = Result<Pdf, Refusal>;

/// The address space limit of the child process, in bytes, including the executable itself: a file of a few
/// megabytes may decompress to gigabytes.
#[cfg(unix)]
const MAX_ADDRESS_SPACE: u64 = 2 * 1024 * 1024 * 1024;

/// Reads the PDF on standard input and writes the [`PdfAnswer`] as JSON to standard output.
pub fn serve_pdf() -> ExitCode {
    #[cfg(unix)]
    {
        set_limits();
        end_with_reader();
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(FILE_LIMIT).unwrap_or(u64::MAX);
    let answered = std::io::stdin()
        .take(limit)
        .read_to_end(&mut bytes)
        .and_then(|_| {
            let answer = serde_json::to_string(&read_pdf(&bytes))?;
            std::io::stdout().write_all(answer.as_bytes())
        });
    if answered.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The CPU time limit of the child process, in seconds, equal to the application's timeout.
#[cfg(unix)]
const MAX_CPU_TIME: u64 = 60;

/// Limits this process to [`MAX_ADDRESS_SPACE`] of address space and [`MAX_CPU_TIME`] of CPU time. If the system rejects a
/// limit, only the application's timeout applies.
#[cfg(unix)]
fn set_limits() {
    use rlimit::Resource;

    for (resource, most) in [
        (Resource::AS, MAX_ADDRESS_SPACE),
        (Resource::CPU, MAX_CPU_TIME),
    ] {
        let _ = resource.set(most, most);
    }
}

/// Exits this process when the read end of standard output is closed: the application has exited or timed out.
/// Standard input does not show either, because its end is the end of the file.
#[cfg(unix)]
fn end_with_reader() {
    use rustix::event::{PollFd, PollFlags, poll};

    let watch = || {
        let output = std::io::stdout();
        let mut output = [PollFd::new(&output, PollFlags::empty())];
        // No events are requested: `POLLERR` and `POLLHUP` are always reported.
        while matches!(poll(&mut output, None), Err(rustix::io::Errno::INTR)) {}
        if output[0]
            .revents()
            .intersects(PollFlags::ERR | PollFlags::HUP)
        {
            std::process::exit(1);
        }
    };
    // If the thread cannot start, the limits still apply.
    let _ = std::thread::Builder::new()
        .name("reader".into())
        .spawn(watch);
}

/// Extracts the text of a PDF; panics if the PDF library does.
fn read_pdf(bytes: &[u8]) -> PdfAnswer {
    let pages =
        pdf_extract::extract_text_from_mem_by_pages(bytes).map_err(|error| match error {
            OutputError::PdfError(Error::Decryption(_)) => Refusal::Encrypted,
            _ => Refusal::Damaged,
        })?;
    let count = u32::try_from(pages.len()).unwrap_or(u32::MAX);
    let texts: Vec<_> = pages
        .iter()
        .map(|page| page.trim())
        .filter(|page| !page.is_empty())
        .collect();
    let text = texts.join("\n\n");
    if text.is_empty() {
        // Without the password, an encrypted file may seem to have empty pages, or none.
        let protected = Document::load_mem(bytes).is_ok_and(|pdf| pdf.trailer.has(b"Encrypt"));
        return Err(if protected {
            Refusal::Encrypted
        } else {
            Refusal::NoText
        });
    }
    if text.len() > TEXT_LIMIT {
        return Err(Refusal::TextTooLong);
    }
    Ok(Pdf { text, pages: count })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a PDF with a page for each content, and extra entries in its trailer.
    fn pdf(pages: &[&str], trailer: &str) -> Vec<u8> {
        let kids: Vec<_> = (0..pages.len())
            .map(|page| format!("{} 0 R", 4 + 2 * page))
            .collect();
        let mut objects = vec![
            "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
            format!(
                "<< /Type /Pages /Kids [{}] /Count {} /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> >>",
                kids.join(" "),
                pages.len()
            ),
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
                .to_owned(),
        ];
        for (page, content) in pages.iter().enumerate() {
            objects.push(format!(
                "<< /Type /Page /Parent 2 0 R /Contents {} 0 R >>",
                5 + 2 * page
            ));
            objects.push(format!(
                "<< /Length {} >>\nstream\n{content}\nendstream",
                content.len()
            ));
        }
        let mut file = "%PDF-1.4\n".to_owned();
        let mut table = "0000000000 65535 f \n".to_owned();
        for (number, object) in objects.iter().enumerate() {
            let place = format!("{:010} 00000 n \n", file.len());
            let object = format!("{} 0 obj\n{object}\nendobj\n", number + 1);
            table += &place;
            file += &object;
        }
        let (start, size) = (file.len(), objects.len() + 1);
        let end = format!(
            "xref\n0 {size}\n{table}trailer\n<< /Root 1 0 R /Size {size} {trailer} >>\nstartxref\n{start}\n%%EOF\n"
        );
        file += &end;
        file.into_bytes()
    }

    fn says(text: &str) -> String {
        format!("BT /F1 24 Tf 72 700 Td ({text}) Tj ET")
    }

    #[test]
    fn the_text_of_every_page_is_read() {
        let file = pdf(&[&says("The first page"), "", &says("The last page")], "");
        let read = read_pdf(&file).unwrap();
        assert_eq!(read.pages, 3);
        assert_eq!(read.text, "The first page\n\nThe last page");
    }

    #[test]
    fn a_scan_a_protected_file_and_a_damaged_one_are_distinguished() {
        assert_eq!(read_pdf(&pdf(&["0 0 m 9 9 l S"], "")), Err(Refusal::NoText));
        let locked = "/ID [<00> <00>] /Encrypt << /Filter /Standard /V 2 /R 3 /Length 128 /P -4 \
            /O <0000000000000000000000000000000000000000000000000000000000000000> \
            /U <0000000000000000000000000000000000000000000000000000000000000000> >>";
        assert_eq!(
            read_pdf(&pdf(&[&says("x")], locked)),
            Err(Refusal::Encrypted)
        );
        let whole = pdf(&[&says("x")], "");
        assert_eq!(read_pdf(&whole[..whole.len() / 2]), Err(Refusal::Damaged));
    }

    #[test]
    fn a_long_text_is_refused() {
        let page = says(&"word ".repeat(60_000));
        let pages: Vec<_> = std::iter::repeat_n(page.as_str(), 4).collect();
        assert_eq!(read_pdf(&pdf(&pages, "")), Err(Refusal::TextTooLong));
    }
}
