-- Files that go with a message. Without a message one belongs to what is typed and not sent: of its
-- conversation, or of the one that does not exist yet. So every file is in some composer or under some
-- message, and none is forgotten. Kept is what models are shown, not the file itself.
CREATE TABLE attachments (
  id              TEXT    PRIMARY KEY NOT NULL,
  conversation_id TEXT    REFERENCES conversations(id) ON DELETE CASCADE,
  message_id      TEXT    REFERENCES messages(id) ON DELETE CASCADE,
  position        INTEGER NOT NULL DEFAULT 0 CHECK (position >= 0),
  name            TEXT    NOT NULL,
  kind            TEXT    NOT NULL CHECK (kind IN ('text', 'image', 'pdf')),
  media_type      TEXT    NOT NULL,
  bytes           INTEGER NOT NULL,
  tokens          INTEGER NOT NULL,
  width           INTEGER,
  height          INTEGER,
  pages           INTEGER,
  created_at      INTEGER NOT NULL,
  -- At the end, because what follows them is reached only through them.
  text            TEXT,
  data            BLOB,
  CHECK (message_id IS NULL OR conversation_id IS NOT NULL),
  CHECK ((kind = 'image') = (data IS NOT NULL)),
  CHECK ((kind = 'image') = (text IS NULL))
) STRICT;
CREATE INDEX attachments_by_conversation ON attachments(conversation_id, message_id);
CREATE INDEX attachments_by_message ON attachments(message_id) WHERE message_id IS NOT NULL;
