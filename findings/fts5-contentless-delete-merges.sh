#!/bin/sh
# SQLite FTS5, contentless_delete=1: a transaction of small deletes rewrites the whole index in its commit.
#
# Seen with SQLite 3.51.3 and 3.54.1 (the Python package apsw of the same number).
#
# FTS5's documentation says that an automatic merge does some work for each 64 pages that were written. In a table with
# contentless_delete=1 each deleted row counts as such a page, though it writes a few bytes, and the work is 64 pages for
# each level of the index. Every 'merge' with a negative number, which bounds the work of a call, adds a level. So an
# index that is kept free of deleted words by such calls is rewritten whole by a commit that deletes 128 rows: 15 segments
# become 1. With 'automerge' 0 the same commit leaves the segments, and what was deleted does not match either. An
# application that deletes in small transactions to keep its writer free has it held up by them.
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
import random
import sys

import apsw

assert apsw.sqlite_lib_version() == sys.argv[1], apsw.sqlite_lib_version()


def delete(count, automerge):
    """Returns the segments before and after a transaction that deletes `count` rows, and whether one of them matches."""
    db = apsw.Connection(":memory:")
    db.execute("CREATE VIRTUAL TABLE notes USING fts5(text, content = '', contentless_delete = 1)")
    words, row = random.Random(1), 0

    def add(rows):
        nonlocal row
        with db:
            for _ in range(rows):
                row += 1
                text = " ".join(f"w{words.randrange(5000)}" for _ in range(20)) + f" n{row}"
                db.execute("INSERT INTO notes (rowid, text) VALUES (?, ?)", (row, text))

    def segments():
        return db.execute("SELECT count(DISTINCT segid) FROM notes_idx").get

    for _ in range(40):
        add(500)
    if automerge is not None:
        db.execute("INSERT INTO notes (notes, rank) VALUES ('automerge', ?)", (automerge,))
    for _ in range(40):
        add(20)
        db.execute("INSERT INTO notes (notes, rank) VALUES ('merge', -4)")
    before = segments()
    with db:
        for deleted in range(1, count + 1):
            db.execute("DELETE FROM notes WHERE rowid = ?", (deleted,))
    matches = bool(db.execute("SELECT rowid FROM notes WHERE notes MATCH 'n1'").fetchall())
    return before, segments(), matches


seen = {
    "1 row": delete(1, None),
    "128 rows": delete(128, None),
    "128 rows, automerge 0": delete(128, 0),
}
print("SQLite", apsw.sqlite_lib_version())
for what, (before, after, matches) in seen.items():
    print(f"  {what} deleted: {before} segments, then {after}; {'a row still matches' if matches else 'none matches'}")
(one, many, without) = seen.values()
assert not any(matches for (_, _, matches) in seen.values()), "this has changed"
assert one[0] - one[1] < 5, "this has changed"
assert many[0] > 10 and many[1] == 1, "this has changed"
assert without[0] == without[1] > 20, "this has changed"
PYTHON

try 3.51.3
try 3.54.1
