//! Carves rows directly from the pages of a database file, without SQLite, when its schema or B-trees cannot be
//! read.
//!
//! Reads every page that looks like a table leaf, <https://sqlite.org/fileformat2.html>, in its latest version
//! from the write-ahead log if there is one. A page does not name its table, so the caller identifies rows by
//! their shape. Free pages may be included: deleted rows that were not overwritten yet come back.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::damage::{WAL_SUFFIX, with_suffix};

/// Conch's page size, used when the file header is unreadable.
const PAGE: usize = 4096;

/// Page type of a table leaf.
const TABLE_LEAF: u8 = 13;

/// Size of the database header at the start of the first page.
const FILE_HEADER: usize = 100;

const LOG_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// The longest row that is considered valid, in bytes: SQLite's own limit is 1e9.
const MAX_ROW_BYTES: usize = 256 * 1024 * 1024;

/// A value of a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

impl Value {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// A row: its rowid and its values, in the order of its table's columns.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CarvedRow {
    pub(super) number: i64,
    pub(super) values: Vec<Value>,
}

/// The pages of a database file.
pub(super) struct Pages {
    main: File,
    log: Option<File>,
    /// Offsets in the WAL of the last committed version of each page.
    wal_offsets: HashMap<u32, u64>,
    size: usize,
    count: u32,
}

impl Pages {
    /// Opens a database to read its pages.
    pub(super) fn open(database: &Path) -> io::Result<Self> {
        let mut main = File::open(database)?;
        let mut header = [0; 18];
        let _ = main.read(&mut header)?;
        let size = page_size(&header);
        let mut log = File::open(with_suffix(database, WAL_SUFFIX)).ok();
        let wal_offsets = match &mut log {
            Some(log) => frames(log, size).unwrap_or_default(),
            None => HashMap::new(),
        };
        let in_main = main
            .metadata()?
            .len()
            .div_ceil(u64::try_from(size).unwrap_or(1));
        let in_main = u32::try_from(in_main).unwrap_or(u32::MAX);
        let count = wal_offsets.keys().copied().max().unwrap_or(0).max(in_main);
        Ok(Self {
            main,
            log,
            wal_offsets,
            size,
            count,
        })
    }

    /// Returns the number of pages; they are numbered from 1.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Returns the rows of a page: none if it is not a table leaf, and only the readable ones if it is damaged.
    pub(super) fn rows(&mut self, number: u32) -> Vec<CarvedRow> {
        let Some(page) = self.page(number) else {
            return Vec::new();
        };
        let start = if number == 1 { FILE_HEADER } else { 0 };
        if page.get(start) != Some(&TABLE_LEAF) {
            return Vec::new();
        }
        let count = usize::from(u16_at(&page, start + 3).unwrap_or(0));
        (0..count)
            .filter_map(|cell| {
                let at = usize::from(u16_at(&page, start + 8 + 2 * cell)?);
                self.row(&page, at)
            })
            .collect()
    }

    fn page(&mut self, number: u32) -> Option<Vec<u8>> {
        let mut page = Vec::with_capacity(self.size);
        let wal_offsets = self.wal_offsets.get(&number);
        let (file, at) = if let (Some(at), Some(log)) = (wal_offsets, &mut self.log) {
            (log, *at)
        } else {
            let before = u64::from(number.checked_sub(1)?);
            let size = u64::try_from(self.size).ok()?;
            (&mut self.main, before.checked_mul(size)?)
        };
        file.seek(SeekFrom::Start(at)).ok()?;
        let mut rest = file.take(u64::try_from(self.size).ok()?);
        if rest.read_to_end(&mut page).ok()? == 0 {
            return None;
        }
        // What a cut left of a page is followed by zeros, as for SQLite.
        page.resize(self.size, 0);
        Some(page)
    }

    fn row(&mut self, page: &[u8], at: usize) -> Option<CarvedRow> {
        let mut reader = Reader { bytes: page, at };
        let length = usize::try_from(reader.varint()?).ok()?;
        let number = i64::from_ne_bytes(reader.varint()?.to_ne_bytes());
        if length > MAX_ROW_BYTES {
            return None;
        }
        let here = local(length, self.size);
        let mut payload = reader.take(here)?.to_vec();
        if here < length {
            let mut next = u32::from_be_bytes(reader.take(4)?.try_into().ok()?);
            while payload.len() < length {
                if next == 0 {
                    return None;
                }
                let overflow = self.page(next)?;
                let more = (length - payload.len()).min(self.size - 4);
                payload.extend_from_slice(overflow.get(4..4 + more)?);
                next = u32::from_be_bytes(overflow.get(..4)?.try_into().ok()?);
            }
        }
        let values = values(&payload)?;
        Some(CarvedRow { number, values })
    }
}

fn page_size(header: &[u8]) -> usize {
    let size = match u16_at(header, 16) {
        Some(1) => 65_536,
        Some(size) => usize::from(size),
        None => 0,
    };
    let is_size = size.is_power_of_two() && size >= 512 && header.starts_with(b"SQLite format 3\0");
    if is_size { size } else { PAGE }
}

/// Returns the offset of the last committed version of each page in a WAL.
fn frames(log: &mut File, page_size: usize) -> io::Result<HashMap<u32, u64>> {
    let (mut committed, mut pending) = (HashMap::new(), HashMap::new());
    let mut header = [0; LOG_HEADER];
    log.seek(SeekFrom::Start(0))?;
    log.read_exact(&mut header)?;
    let salts = header.get(16..24).map(<[u8]>::to_vec);
    let mut frame = vec![0; FRAME_HEADER + page_size];
    let mut at = u64::try_from(LOG_HEADER).unwrap_or(0);
    // The first frame of an earlier generation ends the log: its salts differ.
    while log.read_exact(&mut frame).is_ok() && frame.get(8..16) == salts.as_deref() {
        let (Some(page), Some(commit)) = (u32_at(&frame, 0), u32_at(&frame, 4)) else {
            break;
        };
        pending.insert(page, at + u64::try_from(FRAME_HEADER).unwrap_or(0));
        if commit != 0 {
            committed.extend(pending.drain());
        }
        at += u64::try_from(frame.len()).unwrap_or(0);
    }
    Ok(committed)
}

/// Returns how many bytes of a row of this length are stored on its leaf.
fn local(length: usize, page_size: usize) -> usize {
    let most = page_size - 35;
    if length <= most {
        return length;
    }
    let least = (page_size - 12) * 32 / 255 - 23;
    let fitting = least + (length - least) % (page_size - 4);
    if fitting <= most { fitting } else { least }
}

/// Parses the values of a record, <https://sqlite.org/fileformat2.html#record_format>.
fn values(payload: &[u8]) -> Option<Vec<Value>> {
    let mut types = Reader {
        bytes: payload,
        at: 0,
    };
    let end = usize::try_from(types.varint()?).ok()?;
    let mut content = Reader {
        bytes: payload,
        at: end,
    };
    let mut values = Vec::new();
    while types.at < end {
        values.push(content.value(types.varint()?)?);
    }
    Some(values)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(length)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    /// Reads a varint: seven bits per byte, big-endian; all eight bits of a ninth byte.
    fn varint(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for _ in 0..8 {
            let [byte] = self.take(1)? else { return None };
            number = number << 7 | u64::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        let [byte] = self.take(1)? else { return None };
        Some(number << 8 | u64::from(*byte))
    }

    fn value(&mut self, kind: u64) -> Option<Value> {
        Some(match kind {
            0 => Value::Null,
            1..=4 => self.integer(usize::try_from(kind).ok()?)?,
            5 => self.integer(6)?,
            6 => self.integer(8)?,
            7 => Value::Real(f64::from_be_bytes(self.take(8)?.try_into().ok()?)),
            8 => Value::Integer(0),
            9 => Value::Integer(1),
            10 | 11 => return None,
            _ => {
                let length = usize::try_from((kind - 12) / 2).ok()?;
                let bytes = self.take(length)?.to_vec();
                if kind.is_multiple_of(2) {
                    Value::Blob(bytes)
                } else {
                    Value::Text(String::from_utf8(bytes).ok()?)
                }
            }
        })
    }

    fn integer(&mut self, length: usize) -> Option<Value> {
        let bytes = self.take(length)?;
        let is_negative = bytes.first()? & 0x80 != 0;
        let begin = if is_negative { -1_i64 } else { 0 };
        let number = bytes
            .iter()
            .fold(begin, |number, byte| number << 8 | i64::from(*byte));
        Some(Value::Integer(number))
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let part = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes(part.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let part = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(part.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::SqliteConnectOptions;
    use sqlx::{ConnectOptions, Connection};

    use super::*;

    #[test]
    fn numbers_are_read_as_sqlite_writes_them() {
        let varint = |bytes: &[u8]| Reader { bytes, at: 0 }.varint();
        assert_eq!(varint(&[0x7f]), Some(127));
        assert_eq!(varint(&[0x81, 0x00]), Some(128));
        assert_eq!(varint(&[0xff; 9]), Some(u64::MAX));
        assert_eq!(varint(&[0x81]), None);
        let integer = |bytes: &[u8], kind| Reader { bytes, at: 0 }.value(kind);
        assert_eq!(integer(&[0xff], 1), Some(Value::Integer(-1)));
        assert_eq!(integer(&[0x01, 0x00], 2), Some(Value::Integer(256)));
        assert_eq!(integer(&[0xff, 0xff, 0xfe], 3), Some(Value::Integer(-2)));
        assert_eq!(integer(&[], 1), None);
        assert_eq!(integer(b"hi", 17), Some(Value::Text("hi".into())));
        assert_eq!(integer(b"hi", u64::MAX), None);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..20_000 {
            let length = random.usize(0..64);
            let bytes: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
            let _ = values(&bytes);
        }
        for length in [0, 1, 4061, 4062, 5000, 8_000, 1_000_000] {
            assert!(local(length, PAGE) <= length.min(PAGE - 35));
        }
    }

    /// As SQLite reads it: with zeros in place of what is missing.
    #[tokio::test]
    async fn what_a_cut_left_of_the_last_page_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("conch.db");
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        sqlx::raw_sql("CREATE TABLE t (x); INSERT INTO t VALUES ('one'), ('two'), ('three')")
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
        let read = || -> Vec<String> {
            let mut pages = Pages::open(&path).unwrap();
            let rows = pages.rows(pages.count());
            let texts = rows.iter().map(|row| row.values[0].text().unwrap());
            texts.map(|text| text.replace('\0', "_")).collect()
        };
        assert_eq!(read(), ["one", "two", "three"]);
        // A page is filled from its end, so that this is of the first row.
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 2]).unwrap();
        assert_eq!(read(), ["o__", "two", "three"]);
    }
}
