//! File type detection by content.

use image::ImageFormat;
use infer::MatcherType;

use crate::{FILE_LIMIT, Refusal, TEXT_LIMIT, text};

/// The PDF header may begin within this many bytes: some writers put a line before it.
const PDF_HEAD: usize = 1024;

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text or code.
    Text,
    /// A PNG, JPEG, GIF or WebP image.
    Image,
    /// A PDF, whose text is extracted.
    Pdf,
}

/// Detects the kind of a file by its content.
///
/// # Errors
/// Returns a [`Refusal`] if the file is empty, of an unsupported kind, or over the size limit of its kind.
pub fn kind_of(bytes: &[u8]) -> Result<Kind, Refusal> {
    if bytes.is_empty() {
        return Err(Refusal::Empty);
    }
    let (kind, limit) = if image_format(bytes).is_some() {
        (Kind::Image, Refusal::FileTooLarge)
    } else if is_pdf(bytes) {
        (Kind::Pdf, Refusal::FileTooLarge)
    // Checked before other kinds, whose magic numbers are short: a text may begin with "BM".
    } else if text::is_text(bytes) {
        (Kind::Text, Refusal::TextTooLong)
    } else {
        return Err(other(bytes));
    };
    let most = match kind {
        Kind::Text => TEXT_LIMIT,
        Kind::Image | Kind::Pdf => FILE_LIMIT,
    };
    if bytes.len() > most {
        Err(limit)
    } else {
        Ok(kind)
    }
}

/// Returns the format of an image if it is supported.
pub(crate) fn image_format(bytes: &[u8]) -> Option<ImageFormat> {
    use ImageFormat::{Gif, Jpeg, Png, WebP};
    let format = image::guess_format(bytes).ok()?;
    matches!(format, Gif | Jpeg | Png | WebP).then_some(format)
}

fn is_pdf(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(PDF_HEAD)];
    let first_line = head.iter().position(|byte| *byte == b'%');
    first_line.is_some_and(|at| head[at..].starts_with(b"%PDF-"))
}

fn other(bytes: &[u8]) -> Refusal {
    let Some(found) = infer::get(bytes) else {
        return Refusal::Unknown;
    };
    let name = found.extension().to_uppercase();
    match found.matcher_type() {
        MatcherType::Image => Refusal::OtherImage(name),
        MatcherType::Text | MatcherType::Custom => Refusal::Unknown,
        _ => Refusal::OtherKind(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides_and_not_the_mark_of_two_letters() {
        assert_eq!(kind_of(b"BMW, Audi and others"), Ok(Kind::Text));
        assert_eq!(kind_of(b"%PDF-1.7\n\0\xff"), Ok(Kind::Pdf));
        assert_eq!(kind_of(b"\xef\xbb\xbf%PDF-1.4\n"), Ok(Kind::Pdf));
        assert_eq!(kind_of(b"How to read %PDF-1.7? 100 % sure"), Ok(Kind::Pdf));
        assert_eq!(kind_of(b"100 % of %PDF-1.7"), Ok(Kind::Text));
        assert_eq!(kind_of(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), Ok(Kind::Image));
        assert_eq!(kind_of(b"#!/bin/sh\necho"), Ok(Kind::Text));
        assert_eq!(kind_of(b"<!DOCTYPE html><p>"), Ok(Kind::Text));
    }

    #[test]
    fn what_is_not_read_is_named() {
        let zip = b"PK\x03\x04\x14\0\0\0\x08\0";
        assert_eq!(kind_of(zip), Err(Refusal::OtherKind("ZIP".to_owned())));
        let bmp = b"BM\x8a\0\0\0\0\0\0\0\x8a\0\0\0";
        assert_eq!(kind_of(bmp), Err(Refusal::OtherImage("BMP".to_owned())));
        assert_eq!(kind_of(b"\0\x01\x02\x03"), Err(Refusal::Unknown));
        assert_eq!(kind_of(b""), Err(Refusal::Empty));
    }

    #[test]
    fn each_kind_has_its_limit() {
        let text = vec![b'x'; TEXT_LIMIT];
        assert_eq!(kind_of(&text), Ok(Kind::Text));
        assert_eq!(
            kind_of(&[text, vec![b'x']].concat()),
            Err(Refusal::TextTooLong)
        );
        let pdf = [b"%PDF-1.7\n".to_vec(), vec![0; FILE_LIMIT]].concat();
        assert_eq!(kind_of(&pdf), Err(Refusal::FileTooLarge));
    }
}
