//! `cargo xtask queries`: renews or checks the committed `.sqlx`.
//!
//! Does what sqlx-cli's `prepare` would do, because one tool less to install is one failure less on a fresh
//! machine: it creates a database from the migrations alone, checks conch-core against it, during which the query
//! macros write their query data, and compares that with `.sqlx`. The check runs in the ordinary target folder; a
//! separate one would compile every dependency again.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::Error;
use crate::terminal::{say, success};
use crate::tool::Tool;
use crate::workspace::{Workspace, acquire_lock};

/// Python's sqlite3 is a prerequisite already; a database engine as a dependency would make xtask slow to compile.
const APPLY_MIGRATIONS: &str = "
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
for path in sys.argv[2:]:
    with open(path, encoding='utf-8') as migration:
        try:
            database.executescript(migration.read())
        except sqlite3.Error as error:
            sys.exit(f'{path}: {error} (SQLite {sqlite3.sqlite_version})')
database.close()
";

/// What to do with a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Write it to `.sqlx`.
    Renew,
    /// Report it as an error.
    Check,
}

/// Compares `.sqlx` with the queries in conch-core and renews it or fails.
///
/// # Errors
/// When a migration or a query is wrong, or, with [`Mode::Check`], when `.sqlx` is stale.
pub(crate) fn run(workspace: &Workspace, mode: Mode) -> Result<(), Error> {
    let scratch = workspace.scratch()?;
    let _lock = acquire_lock(&scratch.join("queries.lock"))?;
    let folder = scratch.join("queries");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(Error::file("empty", &folder))?;
    }
    let found = folder.join("found");
    fs::create_dir_all(&found).map_err(Error::file("create", &found))?;

    let database = folder.join("schema.sqlite");
    migrate(workspace, &database)?;
    let library = workspace.root().join("src-tauri/core/src/lib.rs");
    let touched = Touched::now(&library)?;
    Tool::cargo(workspace.root())
        .args(["check", "--package", "conch-core", "--all-targets"])
        .env("SQLX_OFFLINE", "false")
        .env("SQLX_OFFLINE_DIR", &found)
        .env("DATABASE_URL", database_url(&database))
        .run()?;

    let committed = workspace.root().join(".sqlx");
    let difference = Difference::between(&read_queries(&committed)?, &read_queries(&found)?);
    if difference.is_empty() {
        touched.restore()?;
        success(format!(
            ".sqlx is up to date, {} queries",
            difference.unchanged
        ));
        return Ok(());
    }
    if mode == Mode::Check {
        touched.restore()?;
        return Err(Error::StaleQueries(difference.summary()));
    }
    if difference.written.is_empty() && difference.unchanged == 0 {
        return Err(Error::NoQueries);
    }
    difference.apply(&committed)?;
    success(format!(".sqlx is renewed: {}", difference.summary()));
    Ok(())
}

fn migrate(workspace: &Workspace, database: &Path) -> Result<(), Error> {
    let folder = workspace.root().join("migrations");
    let migrations = in_order(files(&folder, "sql")?);
    say(format!(
        "checking the queries against {} migration(s)",
        migrations.len()
    ));
    Tool::python("a migration must apply to an empty database, with Python's SQLite 3.37 or newer")
        .args(["-c", APPLY_MIGRATIONS])
        .arg(database)
        .args(&migrations)
        .capture()
        .map(drop)
}

/// Sorts migrations as sqlx does, by the number before the first underscore.
fn in_order(mut migrations: Vec<PathBuf>) -> Vec<PathBuf> {
    migrations.sort_by_key(|path| {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let number = name
            .split('_')
            .next()
            .and_then(|digits| digits.parse::<u64>().ok());
        (number, name)
    });
    migrations
}

/// Builds the URL for the query macros, which decode percent signs in the path.
fn database_url(database: &Path) -> String {
    let path = database.to_string_lossy();
    let path: String = path
        .chars()
        .map(|character| match character {
            '\\' => "/".to_owned(),
            '%' => "%25".to_owned(),
            '?' => "%3F".to_owned(),
            '#' => "%23".to_owned(),
            ' ' => "%20".to_owned(),
            other => other.to_string(),
        })
        .collect();
    format!("sqlite:{path}")
}

/// A source file whose modification time was changed, so that cargo compiles its crate again.
struct Touched {
    path: PathBuf,
    before: SystemTime,
    after: SystemTime,
}

impl Touched {
    #[expect(
        clippy::disallowed_methods,
        reason = "cargo compares times of change with the real clock"
    )]
    fn now(path: &Path) -> Result<Self, Error> {
        let before = modified(path)?;
        set_modified(path, SystemTime::now())?;
        // Read back, because file systems round.
        Ok(Self {
            before,
            after: modified(path)?,
            path: path.to_owned(),
        })
    }

    /// Restores the modification time, so that builds of the same content stay fresh. An edit made meanwhile keeps
    /// its own time.
    fn restore(self) -> Result<(), Error> {
        if modified(&self.path)? == self.after {
            set_modified(&self.path, self.before)?;
        }
        Ok(())
    }
}

fn modified(path: &Path) -> Result<SystemTime, Error> {
    let time = fs::metadata(path).and_then(|metadata| metadata.modified());
    time.map_err(Error::file("read", path))
}

fn set_modified(path: &Path, time: SystemTime) -> Result<(), Error> {
    let file = File::options().append(true).open(path);
    file.and_then(|file| file.set_modified(time))
        .map_err(Error::file("touch", path))
}

/// Returns the query files of a folder by name; none where the folder does not exist.
fn read_queries(folder: &Path) -> Result<BTreeMap<String, String>, Error> {
    files(folder, "json")?
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).map_err(Error::file("read", &path))?;
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            // CRLF line ends of a checkout are not a difference.
            Ok((name, text.replace("\r\n", "\n")))
        })
        .collect()
}

fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, Error> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::file("read", folder))? {
        let path = entry.map_err(Error::file("read", folder))?.path();
        if path.extension().is_some_and(|end| end == extension) {
            found.push(path);
        }
    }
    Ok(found)
}

/// The changes that the committed files need.
#[derive(Debug, Default, PartialEq, Eq)]
struct Difference {
    written: BTreeMap<String, String>,
    removed: Vec<String>,
    unchanged: usize,
}

impl Difference {
    fn between(committed: &BTreeMap<String, String>, found: &BTreeMap<String, String>) -> Self {
        let written: BTreeMap<_, _> = found
            .iter()
            .filter(|(name, text)| committed.get(*name) != Some(text))
            .map(|(name, text)| (name.clone(), text.clone()))
            .collect();
        Self {
            unchanged: found.len() - written.len(),
            written,
            removed: committed
                .keys()
                .filter(|name| !found.contains_key(*name))
                .cloned()
                .collect(),
        }
    }

    fn is_empty(&self) -> bool {
        self.written.is_empty() && self.removed.is_empty()
    }

    fn summary(&self) -> String {
        format!(
            "{} new or changed, {} no longer used, {} unchanged",
            self.written.len(),
            self.removed.len(),
            self.unchanged
        )
    }

    fn apply(&self, committed: &Path) -> Result<(), Error> {
        fs::create_dir_all(committed).map_err(Error::file("create", committed))?;
        for (name, text) in &self.written {
            let path = committed.join(name);
            fs::write(&path, text).map_err(Error::file("write", path))?;
        }
        for name in &self.removed {
            let path = committed.join(name);
            fs::remove_file(&path).map_err(Error::file("remove", path))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queries(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect()
    }

    #[test]
    fn only_differences_are_written_and_leftovers_removed() {
        let committed = queries(&[("a.json", "1"), ("b.json", "2"), ("c.json", "3")]);
        let found = queries(&[("a.json", "1"), ("b.json", "changed"), ("d.json", "4")]);
        let difference = Difference::between(&committed, &found);
        assert_eq!(
            difference.written,
            queries(&[("b.json", "changed"), ("d.json", "4")])
        );
        assert_eq!(difference.removed, ["c.json"]);
        assert_eq!(difference.unchanged, 1);
        assert!(Difference::between(&found, &found).is_empty());
    }

    #[test]
    fn an_applied_difference_leaves_none() {
        let folder = tempfile::tempdir().unwrap();
        let committed = folder.path().join(".sqlx");
        let first = queries(&[("a.json", "1"), ("b.json", "2")]);
        Difference::between(&BTreeMap::new(), &first)
            .apply(&committed)
            .unwrap();
        let second = queries(&[("b.json", "2"), ("c.json", "3")]);
        Difference::between(&read_queries(&committed).unwrap(), &second)
            .apply(&committed)
            .unwrap();
        assert_eq!(read_queries(&committed).unwrap(), second);
    }

    #[test]
    fn migrations_run_in_the_order_of_their_numbers() {
        let paths = ["10_c.sql", "0002_b.sql", "0001_a.sql"]
            .map(PathBuf::from)
            .to_vec();
        let names = ["0001_a.sql", "0002_b.sql", "10_c.sql"]
            .map(PathBuf::from)
            .to_vec();
        assert_eq!(in_order(paths), names);
    }

    #[test]
    fn a_folder_with_blanks_is_a_valid_url() {
        assert_eq!(
            database_url(Path::new("/a b/100%.sqlite")),
            "sqlite:/a%20b/100%25.sqlite"
        );
    }

    #[test]
    fn a_touched_file_gets_its_time_back_unless_it_was_edited() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lib.rs");
        fs::write(&path, "").unwrap();
        let old = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        set_modified(&path, old).unwrap();

        let touched = Touched::now(&path).unwrap();
        assert!(
            modified(&path).unwrap() > old,
            "cargo must see a newer file"
        );
        touched.restore().unwrap();
        assert_eq!(modified(&path).unwrap(), old);

        let touched = Touched::now(&path).unwrap();
        let edited = old + std::time::Duration::from_mins(1);
        set_modified(&path, edited).unwrap();
        touched.restore().unwrap();
        assert_eq!(
            modified(&path).unwrap(),
            edited,
            "an edit must not be hidden from cargo"
        );
    }
}
