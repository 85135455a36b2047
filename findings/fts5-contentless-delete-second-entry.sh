#!/bin/sh
# SQLite FTS5, contentless_delete=1: a second INSERT of a rowid is accepted, and no DELETE reaches the first.
#
# Seen with SQLite 3.51.3 and 3.54.1 (the Python package apsw of the same number).
#
# In an ordinary FTS5 table a plain INSERT of a rowid that the table has is refused (SQLITE_CONSTRAINT), as in any table.
# In a table with content='' and contentless_delete=1 it is accepted. Both texts match from then on. DELETE takes away
# the later one only: the first still matches, though count(*) is 0 and 'integrity-check' finds nothing; a second DELETE
# has no row to delete, and 'optimize' keeps the words in the file. Where an application indexes a text twice by
# mistake, what its user deleted stays to be found. INSERT OR REPLACE has one entry, and DELETE takes it away.
#
# Needs Python 3 with venv and a package registry. Prints what it saw; fails when that is another thing.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

try() {
  python3 -m venv "$folder/$1"
  "$folder/$1/bin/pip" install --quiet --disable-pip-version-check "apsw==$1.0"
  "$folder/$1/bin/python" "$folder/try.py" "$1"
}

cat > "$folder/try.py" <<'PYTHON'
import sys

import apsw

assert apsw.sqlite_lib_version() == sys.argv[1], apsw.sqlite_lib_version()
CONTENTLESS = ", content = '', contentless_delete = 1"


def use(options, insert):
    db = apsw.Connection(":memory:")

    def matches(word):
        return bool(db.execute("SELECT rowid FROM notes WHERE notes MATCH ?", (word,)).fetchall())

    db.execute(f"CREATE VIRTUAL TABLE notes USING fts5(text{options})")
    db.execute("INSERT INTO notes (rowid, text) VALUES (1, 'alpha')")
    try:
        db.execute(f"{insert} INTO notes (rowid, text) VALUES (1, 'beta')")
    except apsw.ConstraintError:
        return "refused"
    before = matches("alpha"), matches("beta")
    for _ in range(2):
        db.execute("DELETE FROM notes WHERE rowid = 1")
    rows = db.execute("SELECT count(*) FROM notes").get
    db.execute("INSERT INTO notes (notes) VALUES ('optimize')")
    db.execute("INSERT INTO notes (notes) VALUES ('integrity-check')")
    kept = db.execute("SELECT count(*) FROM notes_data WHERE instr(block, CAST('alpha' AS BLOB))").get
    return f"before {before}, then {rows} rows, matches {matches('alpha'), matches('beta')}, words in {kept} page(s)"


seen = {
    "ordinary, INSERT": use("", "INSERT"),
    "contentless_delete, INSERT": use(CONTENTLESS, "INSERT"),
    "contentless_delete, INSERT OR REPLACE": use(CONTENTLESS, "INSERT OR REPLACE"),
}
print("SQLite", apsw.sqlite_lib_version())
for what, result in seen.items():
    print(f"  {what}: {result}")
assert seen == {
    "ordinary, INSERT": "refused",
    "contentless_delete, INSERT": "before (True, True), then 0 rows, matches (True, False), words in 1 page(s)",
    "contentless_delete, INSERT OR REPLACE":
        "before (False, True), then 0 rows, matches (False, False), words in 0 page(s)",
}, "this has changed"
PYTHON

try 3.51.3
try 3.54.1
