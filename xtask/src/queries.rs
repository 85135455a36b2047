//! `cargo xtask queries`: renews or checks the committed `.sqlx`.
//!
//! Does what sqlx-cli's `prepare` does, which would have to be compiled on every new machine: creates a database from
//! the migrations alone, checks conch-store against it, during which the query macros write their query data, and
//! compares that with `.sqlx`.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;

use anyhow::{Context, ensure};
use xshell::{Shell, cmd};

use crate::python::PYTHON;
use crate::terminal::success;
use crate::workspace::{Workspace, acquire_lock};

const COMMITTED: &str = ".sqlx";

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

/// Compares `.sqlx` with the queries in conch-store and renews it or fails.
///
/// # Errors
/// When a migration or a query is wrong, or, with [`Mode::Check`], when `.sqlx` is stale.
pub(crate) fn run(workspace: &Workspace, mode: Mode) -> anyhow::Result<()> {
    let shell = workspace.shell();
    let folder = workspace.scratch()?.join("queries");
    let _lock = acquire_lock(&folder.with_extension("lock"))?;
    shell.remove_path(&folder)?;
    let found = shell.create_dir(folder.join("found"))?;
    // conch-store's build script watches the URL: with a new one, cargo compiles the crate even if nothing else changed.
    let run = RandomState::new().hash_one(());
    let database = folder.join(format!("{run:x}.sqlite"));
    // By name, and so by number, which has four digits.
    let migrations = shell.read_dir("migrations")?;
    cmd!(
        shell,
        "{PYTHON} -c {APPLY_MIGRATIONS} {database} {migrations...}"
    )
    .quiet()
    .run()
    .context("a migration must apply to an empty database, with Python's SQLite 3.37 or newer")?;
    // All packages, so that the dependencies have the features that clippy has already checked them with.
    cmd!(shell, "cargo check --workspace --lib")
        .env("SQLX_OFFLINE", "false")
        .env("SQLX_OFFLINE_DIR", &found)
        .env("DATABASE_URL", database_url(&database))
        .run()?;

    let (old, new) = (
        queries(shell, Path::new(COMMITTED))?,
        queries(shell, &found)?,
    );
    ensure!(
        !new.is_empty(),
        "the check of conch-store wrote no query data; nothing was changed"
    );
    let changes = changes(&old, &new);
    if changes.is_empty() {
        success(format!(".sqlx is up to date, {} queries", new.len()));
        return Ok(());
    }
    let changes = changes.join(" ");
    ensure!(
        mode == Mode::Renew,
        ".sqlx is stale ({changes}); run `cargo xtask queries` and commit the result"
    );
    shell.remove_path(COMMITTED)?;
    for (name, text) in &new {
        shell.write_file(Path::new(COMMITTED).join(name), text)?;
    }
    success(format!(".sqlx is renewed: {changes}"));
    Ok(())
}

/// Builds the URL for the query macros, which decode percent signs in the path.
fn database_url(database: &Path) -> String {
    let path = database.to_string_lossy().replace('\\', "/");
    let special = [('%', "%25"), ('?', "%3F"), ('#', "%23"), (' ', "%20")];
    let encoded = special.iter().fold(path, |path, (character, code)| {
        path.replace(*character, code)
    });
    format!("sqlite:{encoded}")
}

/// Returns the query files of a folder by name.
fn queries(shell: &Shell, folder: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let files = shell.read_dir(folder)?;
    let read = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // CRLF line ends of a checkout are not a difference.
        let text = shell.read_file(path)?.replace("\r\n", "\n");
        Ok((name.into_owned(), text))
    };
    files.iter().map(|path| read(path)).collect()
}

/// Returns the names of files that differ, each after `+` when it is new or changed, or `-` when it is gone.
fn changes(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<String> {
    let changed = new
        .iter()
        .filter(|(name, text)| old.get(*name) != Some(text));
    let changed = changed.map(|(name, _)| format!("+{name}"));
    let gone = old.keys().filter(|name| !new.contains_key(*name));
    changed.chain(gone.map(|name| format!("-{name}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_differences_are_changes() {
        let queries = |pairs: &[(&str, &str)]| {
            let owned = pairs
                .iter()
                .map(|&(name, text)| (name.to_owned(), text.to_owned()));
            owned.collect::<BTreeMap<_, _>>()
        };
        let old = queries(&[("a", "1"), ("b", "2"), ("c", "3")]);
        let new = queries(&[("a", "1"), ("b", "changed"), ("d", "4")]);
        assert_eq!(changes(&old, &new), ["+b", "+d", "-c"]);
        assert!(changes(&new, &new).is_empty());
    }

    #[test]
    fn a_folder_with_blanks_is_a_valid_url() {
        assert_eq!(
            database_url(Path::new("/a b/100%.sqlite")),
            "sqlite:/a%20b/100%25.sqlite"
        );
    }
}
