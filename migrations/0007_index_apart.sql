-- The full-text index is derived from the messages, so what goes wrong with it may neither refuse nor hold up
-- what is done to them. Triggers only note what it has to learn and to forget, and `Store::index_answers`
-- does that later, a portion at a time. The index that is there is of another form: it is cleared and
-- filled again in the same way, because a start must not wait for a million messages.
DROP TRIGGER messages_fts_insert;
DROP TRIGGER messages_fts_finish;
DROP TRIGGER messages_fts_delete;
DROP TABLE messages_to_index;

-- A long message is indexed in pieces; so many of them are in the index already.
CREATE TABLE messages_to_index (
  search_key INTEGER PRIMARY KEY,
  pieces     INTEGER NOT NULL DEFAULT 0 CHECK (pieces >= 0)
) STRICT;

-- Nothing here is unique: a search_key may be used again, and a note must never refuse a delete.
CREATE TABLE messages_to_forget (
  note       INTEGER PRIMARY KEY,
  search_key INTEGER NOT NULL
) STRICT;

CREATE TABLE search_index (
  id        INTEGER PRIMARY KEY CHECK (id = 1),
  state     TEXT    NOT NULL CHECK (state IN ('clearing', 'filling', 'kept')),
  -- While it is filled: the messages up to this search_key have been noted.
  filled_to INTEGER NOT NULL DEFAULT 0,
  -- Words of deleted messages may still be in its pages.
  erasing   INTEGER NOT NULL DEFAULT 0 CHECK (erasing IN (0, 1))
) STRICT;
INSERT INTO search_index (id, state) VALUES (1, 'clearing');

CREATE TRIGGER messages_noted_when_stored AFTER INSERT ON messages WHEN NEW.status <> 'generating' BEGIN
  INSERT OR IGNORE INTO messages_to_index (search_key) VALUES (NEW.search_key);
END;
CREATE TRIGGER messages_noted_when_ended AFTER UPDATE OF status ON messages
WHEN OLD.status = 'generating' AND NEW.status <> 'generating' BEGIN
  INSERT OR IGNORE INTO messages_to_index (search_key) VALUES (NEW.search_key);
END;
CREATE TRIGGER messages_noted_when_deleted AFTER DELETE ON messages WHEN OLD.status <> 'generating' BEGIN
  INSERT INTO messages_to_forget (search_key)
  SELECT OLD.search_key
  WHERE NOT EXISTS (SELECT 1 FROM messages_to_index WHERE search_key = OLD.search_key AND pieces = 0);
  DELETE FROM messages_to_index WHERE search_key = OLD.search_key;
END;
