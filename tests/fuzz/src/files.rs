//! Attachments: text files and images.

use std::io::Cursor;

use conch_attachments::{Kind, MAX_SIDE, kind_of, read_image, read_text};
use image::ImageReader;

/// Of larger images only the refusal is tested, because decoding one would take a tenth of a second.
const MAX_PIXELS: u64 = 250_000;

/// A file of any kind: a text is readable, no longer than its bytes allow, and unchanged when it is read again.
pub fn texts(data: &[u8]) {
    let kind = kind_of(data);
    let read = read_text(data);
    if kind == Ok(Kind::Text) {
        assert!(read.is_ok(), "it is a text: {read:?}");
    }
    let Ok(text) = read else {
        return;
    };
    assert!(text.len() <= 4 * data.len());
    let is_layout = |c: char| "\t\n\r\u{8}\u{c}\u{1a}\u{1b}".contains(c);
    assert!(text.chars().all(|c| !c.is_control() || is_layout(c)));
    // A second byte order mark is part of the text, and would be read as the first.
    if !text.starts_with('\u{feff}') {
        assert_eq!(read_text(text.as_bytes()).as_deref(), Ok(&*text));
    }
}

/// An image: the result is small, PNG or JPEG, and has the same dimensions when it is read again.
pub fn images(data: &[u8]) {
    let Ok(reader) = ImageReader::new(Cursor::new(data)).with_guessed_format() else {
        return;
    };
    let size = reader.into_dimensions().unwrap_or_default();
    if u64::from(size.0) * u64::from(size.1) > MAX_PIXELS && !is_too_large(size) {
        return;
    }
    let Ok(image) = read_image(data) else {
        return;
    };
    assert!(!is_too_large(size), "{size:?} pixels were decoded");
    assert!(image.width.max(image.height) <= MAX_SIDE);
    assert!(matches!(image.media_type, "image/png" | "image/jpeg"));
    let again = read_image(&image.data).expect("what was written can be read");
    assert_eq!((again.width, again.height), (image.width, image.height));
}

fn is_too_large((width, height): (u32, u32)) -> bool {
    u64::from(width) * u64::from(height) > 64_000_000
}
