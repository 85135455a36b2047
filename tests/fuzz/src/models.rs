//! The header of a model file.

use std::io::Cursor;

use conch_gguf::{Damage, check_content};

/// The maximum size to which a truncated file is extended, in bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// A model file of any content: a complete one stays complete with trailing bytes, and a truncated one is
/// complete when it is extended to the length that it declares.
pub fn gguf(data: &[u8]) {
    match check(data) {
        Ok(()) => {
            let longer = [data, b"more"].concat();
            check(&longer).expect("bytes after the last tensor are ignored");
        }
        Err(Damage::Cut { expected, actual }) => {
            assert_eq!(actual, data.len() as u64);
            assert!(expected > actual);
            if expected <= MAX_FILE_BYTES {
                let mut whole = data.to_vec();
                whole.resize(usize::try_from(expected).unwrap_or(0), 0);
                check(&whole).expect("it is as long as it says");
            }
        }
        Err(damage) => assert!(!damage.to_string().is_empty()),
    }
}

fn check(data: &[u8]) -> Result<(), Damage> {
    check_content(Cursor::new(data), data.len() as u64).map(drop)
}
