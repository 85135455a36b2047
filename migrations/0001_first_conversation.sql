-- The whole first schema: conversations as trees of messages, the generation lock that the
-- product exists for, and the tables that later work only adds rows to. Ids are UUIDv7 text made
-- by the caller, times are epoch milliseconds, every table is STRICT.

-- "Cnch": tells our files from other SQLite databases before anything is written to them.
PRAGMA application_id = 1131307880;

CREATE TABLE users (
  id         TEXT    PRIMARY KEY NOT NULL,
  name       TEXT    NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE conversations (
  id           TEXT    PRIMARY KEY NOT NULL,
  user_id      TEXT    NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  title        TEXT,
  model_id     TEXT,
  max_parallel INTEGER NOT NULL DEFAULT 1 CHECK (max_parallel >= 1),
  send_policy  TEXT    NOT NULL DEFAULT 'reject'
               CHECK (send_policy IN ('reject', 'queue', 'interrupt', 'rollback')),
  created_at   INTEGER NOT NULL,
  updated_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX conversations_by_update ON conversations(updated_at DESC, id DESC);

CREATE TABLE branches (
  id              TEXT    PRIMARY KEY NOT NULL,
  conversation_id TEXT    NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
  name            TEXT    NOT NULL,
  head_message_id TEXT    REFERENCES messages(id) ON DELETE SET NULL,
  forked_from     TEXT    REFERENCES messages(id) ON DELETE SET NULL,
  created_at      INTEGER NOT NULL,
  UNIQUE (conversation_id, name)
) STRICT;
CREATE INDEX branches_by_head ON branches(head_message_id) WHERE head_message_id IS NOT NULL;
CREATE INDEX branches_by_fork ON branches(forked_from) WHERE forked_from IS NOT NULL;

-- search_key exists for the full-text index: a bare rowid may change in a VACUUM.
CREATE TABLE messages (
  search_key        INTEGER PRIMARY KEY,
  id                TEXT    NOT NULL UNIQUE,
  conversation_id   TEXT    NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
  branch_id         TEXT    NOT NULL REFERENCES branches(id) ON DELETE CASCADE,
  parent_id         TEXT    REFERENCES messages(id) ON DELETE CASCADE,
  role              TEXT    NOT NULL CHECK (role IN ('system', 'user', 'assistant')),
  status            TEXT    NOT NULL
                    CHECK (status IN ('complete', 'generating', 'stopped', 'failed', 'interrupted')),
  content           TEXT    NOT NULL,
  model             TEXT,
  error_code        TEXT,
  error_message     TEXT,
  prompt_tokens     INTEGER,
  completion_tokens INTEGER,
  fence             INTEGER,
  created_at        INTEGER NOT NULL,
  finished_at       INTEGER,
  CHECK (role = 'assistant' OR status = 'complete'),
  CHECK ((status = 'generating') = (finished_at IS NULL)),
  CHECK (status <> 'generating' OR fence IS NOT NULL),
  CHECK ((error_code IS NULL) = (error_message IS NULL))
) STRICT;
CREATE INDEX messages_by_conversation ON messages(conversation_id, created_at, id);
CREATE INDEX messages_by_parent ON messages(parent_id) WHERE parent_id IS NOT NULL;
-- Belt and braces: the data refuses a second generation even where the code is wrong (I5).
CREATE UNIQUE INDEX messages_one_generating ON messages(branch_id) WHERE status = 'generating';

-- What a generation has streamed so far; joined into messages.content when it ends. Appending rows
-- keeps the bytes written proportional to the text, where rewriting the message would not.
CREATE TABLE message_chunks (
  message_id TEXT    NOT NULL REFERENCES messages(id) ON DELETE CASCADE,
  seq        INTEGER NOT NULL CHECK (seq >= 0),
  text       TEXT    NOT NULL,
  PRIMARY KEY (message_id, seq)
) STRICT, WITHOUT ROWID;

-- A released lock is vacated, not deleted: its fence must survive (I2).
CREATE TABLE generation_locks (
  branch_id       TEXT    PRIMARY KEY NOT NULL REFERENCES branches(id) ON DELETE CASCADE,
  conversation_id TEXT    NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
  fence           INTEGER NOT NULL CHECK (fence >= 1),
  generation_id   TEXT,
  message_id      TEXT,
  user_id         TEXT,
  instance_id     TEXT,
  locked_at       INTEGER,
  heartbeat_seq   INTEGER,
  heartbeat_at    INTEGER,
  expires_at      INTEGER,
  CHECK (
    (generation_id IS NULL AND message_id IS NULL AND user_id IS NULL AND instance_id IS NULL
      AND locked_at IS NULL AND heartbeat_seq IS NULL AND heartbeat_at IS NULL AND expires_at IS NULL)
    OR
    (generation_id IS NOT NULL AND message_id IS NOT NULL AND user_id IS NOT NULL AND instance_id IS NOT NULL
      AND locked_at IS NOT NULL AND heartbeat_seq >= 0 AND expires_at > heartbeat_at)
  )
) STRICT, WITHOUT ROWID;
CREATE INDEX generation_locks_by_conversation ON generation_locks(conversation_id) WHERE generation_id IS NOT NULL;
CREATE INDEX generation_locks_by_user ON generation_locks(user_id) WHERE generation_id IS NOT NULL;
CREATE INDEX generation_locks_by_expiry ON generation_locks(expires_at) WHERE generation_id IS NOT NULL;

-- RAISE(ABORT), never ROLLBACK: an automatic rollback would poison the pooled connection.
CREATE TRIGGER generation_locks_fence_grows
BEFORE UPDATE ON generation_locks
WHEN NEW.fence < OLD.fence
  OR (NEW.generation_id IS NOT NULL AND NEW.generation_id IS NOT OLD.generation_id AND NEW.fence <= OLD.fence)
BEGIN
  SELECT RAISE(ABORT, 'the fence of a generation lock must grow when its holder changes');
END;

-- One row an attempt to produce one assistant message; the message may be gone, the timing stays.
CREATE TABLE generations (
  id                TEXT    PRIMARY KEY NOT NULL,
  conversation_id   TEXT    NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
  branch_id         TEXT    NOT NULL REFERENCES branches(id) ON DELETE CASCADE,
  user_message_id   TEXT    NOT NULL REFERENCES messages(id) ON DELETE CASCADE,
  message_id        TEXT    NOT NULL REFERENCES messages(id) ON DELETE CASCADE,
  instance_id       TEXT    NOT NULL,
  client_request_id TEXT    NOT NULL,
  fence             INTEGER NOT NULL CHECK (fence >= 1),
  model             TEXT,
  started_at        INTEGER NOT NULL,
  first_token_at    INTEGER,
  finished_at       INTEGER,
  end_reason        TEXT CHECK (end_reason IN ('complete', 'stopped', 'failed', 'interrupted')),
  retries           INTEGER NOT NULL DEFAULT 0,
  CHECK ((finished_at IS NULL) = (end_reason IS NULL))
) STRICT;
-- A request id sent twice sends once.
CREATE UNIQUE INDEX generations_by_request ON generations(conversation_id, client_request_id);
CREATE INDEX generations_by_message ON generations(message_id);
CREATE INDEX generations_by_user_message ON generations(user_message_id);
CREATE INDEX generations_by_branch ON generations(branch_id);

-- Every try to start a generation: the "attempted concurrent generation" rate is counted from here,
-- so a deleted conversation leaves its rows behind.
CREATE TABLE generation_attempts (
  id              INTEGER PRIMARY KEY AUTOINCREMENT,
  conversation_id TEXT    REFERENCES conversations(id) ON DELETE SET NULL,
  branch_id       TEXT    REFERENCES branches(id) ON DELETE SET NULL,
  generation_id   TEXT,
  source          TEXT    NOT NULL,
  outcome         TEXT    NOT NULL CHECK (outcome IN ('started', 'duplicate', 'refused', 'refused_by_page')),
  attempted_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX generation_attempts_by_time ON generation_attempts(attempted_at);
CREATE INDEX generation_attempts_by_conversation ON generation_attempts(conversation_id);
CREATE INDEX generation_attempts_by_branch ON generation_attempts(branch_id);

CREATE TABLE queued_messages (
  id                TEXT    PRIMARY KEY NOT NULL,
  conversation_id   TEXT    NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
  branch_id         TEXT    NOT NULL REFERENCES branches(id) ON DELETE CASCADE,
  position          INTEGER NOT NULL CHECK (position >= 1),
  content           TEXT    NOT NULL,
  model_id          TEXT,
  client_request_id TEXT    NOT NULL,
  created_at        INTEGER NOT NULL,
  UNIQUE (branch_id, position),
  UNIQUE (conversation_id, client_request_id)
) STRICT;

CREATE TABLE drafts (
  conversation_id TEXT    PRIMARY KEY NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
  content         TEXT    NOT NULL,
  updated_at      INTEGER NOT NULL
) STRICT;

-- Keys are never here: they live in the operating system's keychain.
CREATE TABLE providers (
  id         TEXT    PRIMARY KEY NOT NULL,
  protocol   TEXT    NOT NULL,
  name       TEXT    NOT NULL,
  base_url   TEXT    NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE settings (
  name  TEXT PRIMARY KEY NOT NULL,
  value TEXT NOT NULL
) STRICT;

-- Text is indexed once, when it is final: a trigger that fired on every flush would index a growing
-- answer again and again.
CREATE VIRTUAL TABLE messages_fts USING fts5(
  content, content = 'messages', content_rowid = 'search_key', tokenize = 'unicode61 remove_diacritics 2'
);
CREATE TRIGGER messages_fts_insert AFTER INSERT ON messages WHEN NEW.status <> 'generating' BEGIN
  INSERT INTO messages_fts(rowid, content) VALUES (NEW.search_key, NEW.content);
END;
CREATE TRIGGER messages_fts_finish AFTER UPDATE OF status ON messages
WHEN OLD.status = 'generating' AND NEW.status <> 'generating' BEGIN
  INSERT INTO messages_fts(rowid, content) VALUES (NEW.search_key, NEW.content);
END;
CREATE TRIGGER messages_fts_delete AFTER DELETE ON messages WHEN OLD.status <> 'generating' BEGIN
  INSERT INTO messages_fts(messages_fts, rowid, content) VALUES ('delete', OLD.search_key, OLD.content);
END;
