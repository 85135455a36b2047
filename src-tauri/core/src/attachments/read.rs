//! Reads attachments off the runtime's workers: texts and images on a blocking thread, PDFs in a child
//! process, which is killed on timeout.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use conch_attachments::{FILE_LIMIT, Image, Kind, Pdf, PdfAnswer, Refusal, TEXT_LIMIT};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::image_tokens;
use crate::child;
use crate::model::{AttachmentContent, AttachmentId, AttachmentKind, AttachmentSummary};
use crate::tokens::text_tokens;

/// Timeout for a PDF: a book of a thousand pages takes a few seconds.
const PDF_TIMEOUT: Duration = Duration::from_mins(1);

/// Maximum size of the child's response: a text at the limit with every character escaped.
const ANSWER_LIMIT: usize = 6 * TEXT_LIMIT + 1024;

/// Detects the type of a file and returns its content. `program` is this executable, which parses PDFs as
/// `read-pdf`.
pub(crate) async fn read(
    program: &Path,
    name: String,
    bytes: Vec<u8>,
) -> Result<(AttachmentSummary, AttachmentContent), Refusal> {
    // A file over every limit is not parsed.
    if bytes.len() > FILE_LIMIT {
        return Err(Refusal::FileTooLarge);
    }
    let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let summary = |kind, tokens| AttachmentSummary {
        id: AttachmentId::fresh(),
        name,
        kind,
        bytes: size,
        tokens,
        width: None,
        height: None,
        pages: None,
    };
    let (kind, bytes) = blocking(move || Ok((conch_attachments::kind_of(&bytes)?, bytes))).await?;
    Ok(match kind {
        Kind::Text => {
            let text = blocking(move || conch_attachments::read_text(&bytes)).await?;
            let summary = summary(AttachmentKind::Text, text_tokens(&text));
            (summary, AttachmentContent::Text(text))
        }
        Kind::Image => {
            let Image {
                media_type,
                data,
                width,
                height,
            } = blocking(move || conch_attachments::read_image(&bytes)).await?;
            let summary = AttachmentSummary {
                width: Some(width),
                height: Some(height),
                ..summary(AttachmentKind::Image, image_tokens(width, height))
            };
            let media_type = media_type.to_owned();
            (summary, AttachmentContent::Image { media_type, data })
        }
        Kind::Pdf => {
            let Pdf { text, pages } = pdf(program, &bytes).await?;
            let summary = AttachmentSummary {
                pages: Some(pages),
                ..summary(AttachmentKind::Pdf, text_tokens(&text))
            };
            (summary, AttachmentContent::Text(text))
        }
    })
}

/// Runs a parser of untrusted input on a blocking thread; its panic becomes the file's refusal.
async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(read)
        .await
        .unwrap_or(Err(Refusal::Unreadable))
}

async fn pdf(program: &Path, bytes: &[u8]) -> PdfAnswer {
    let asked = tokio::time::timeout(PDF_TIMEOUT, ask(program, bytes)).await;
    match asked {
        Ok(Ok(answer)) => serde_json::from_slice(&answer).unwrap_or_else(|_| {
            tracing::warn!("the PDF reader process exited without a result");
            Err(Refusal::Unreadable)
        }),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the PDF reader process failed");
            Err(Refusal::Unreadable)
        }
        Err(_) => Err(Refusal::Unreadable),
    }
}

/// Returns the child's output. Dropping this future kills the child.
async fn ask(program: &Path, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut child = child::command(program)
        .arg("read-pdf")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // The text of a panic in it is of no use to the user.
        .stderr(Stdio::null())
        .spawn()?;
    let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(std::io::ErrorKind::BrokenPipe.into());
    };
    input.write_all(bytes).await?;
    // Its end of file marks the input as complete.
    drop(input);
    let mut answer = Vec::new();
    let limit = u64::try_from(ANSWER_LIMIT).unwrap_or(u64::MAX);
    output.take(limit).read_to_end(&mut answer).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn refusal(program: &str, bytes: &[u8]) -> Refusal {
        read(Path::new(program), "x.pdf".to_owned(), bytes.to_vec())
            .await
            .unwrap_err()
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_reader_that_ends_or_never_ends_its_answer_is_a_refusal() {
        let file = b"%PDF-1.7\n";
        // `true` exits immediately, `yes` never stops writing, and the last does not exist.
        for program in ["true", "yes", "/nowhere/conch"] {
            assert_eq!(
                refusal(program, file).await,
                Refusal::Unreadable,
                "{program}"
            );
        }
    }

    #[tokio::test]
    async fn a_panic_is_a_refusal() {
        let read: Result<(), _> = blocking(|| panic!("an unexpected file")).await;
        assert_eq!(read, Err(Refusal::Unreadable));
    }

    #[tokio::test]
    async fn what_is_over_every_limit_is_not_looked_into() {
        let zip = [b"PK\x03\x04".to_vec(), vec![0; FILE_LIMIT]].concat();
        assert_eq!(refusal("true", &zip).await, Refusal::FileTooLarge);
    }
}
