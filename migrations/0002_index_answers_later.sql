-- Indexing a long answer takes longer than anything else in the transaction that ends it and frees
-- its lock. So that transaction only notes the answer here, and the next one, a moment later, indexes.
CREATE TABLE messages_to_index (
  search_key INTEGER PRIMARY KEY
) STRICT;

DROP TRIGGER messages_fts_finish;
CREATE TRIGGER messages_fts_finish AFTER UPDATE OF status ON messages
WHEN OLD.status = 'generating' AND NEW.status <> 'generating' BEGIN
  INSERT INTO messages_to_index(search_key) VALUES (NEW.search_key);
END;

-- The index must never be told to forget what it was not told to know.
DROP TRIGGER messages_fts_delete;
CREATE TRIGGER messages_fts_delete AFTER DELETE ON messages WHEN OLD.status <> 'generating' BEGIN
  INSERT INTO messages_fts(messages_fts, rowid, content)
  SELECT 'delete', OLD.search_key, OLD.content
  WHERE NOT EXISTS (SELECT 1 FROM messages_to_index WHERE search_key = OLD.search_key);
  DELETE FROM messages_to_index WHERE search_key = OLD.search_key;
END;
