-- A message is an ordered list of parts. The text of all its text parts stays in messages.content, and that of its
-- reasoning in messages.reasoning, where search, salvage and older rows have it: this table says which bytes of them
-- belong to which part, and holds what is neither. A message without rows here is its reasoning followed by its
-- text, which is what every message was before. So no text is moved, and the time this takes does not depend on how
-- much there is.
CREATE TABLE message_parts (
  message_id    TEXT    NOT NULL REFERENCES messages(id) ON DELETE CASCADE,
  position      INTEGER NOT NULL CHECK (position >= 0),
  kind          TEXT    NOT NULL CHECK (kind IN ('text', 'reasoning', 'tool_call', 'tool_result', 'attachment')),
  -- Of UTF-8, in content or in reasoning.
  bytes         INTEGER NOT NULL DEFAULT 0 CHECK (bytes >= 0),
  -- JSON: a call, a result or an attachment's id.
  content       TEXT,
  -- JSON: what the provider requires back with this part, such as the signature of its reasoning.
  provider_data TEXT,
  PRIMARY KEY (message_id, position)
) STRICT;

-- SQLite cannot alter a CHECK, and rebuilding these tables would copy every message. Widening a constraint changes no
-- row, so its text is replaced, https://sqlite.org/lang_altertable.html#otheralter. The table that was created above
-- has other connections read the schema again.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema
SET sql = replace(sql, 'role IN (''system'', ''user'', ''assistant'')', 'role IN (''system'', ''user'', ''assistant'', ''tool'')')
WHERE type = 'table' AND name = 'messages';
UPDATE sqlite_schema
SET sql = replace(sql, 'outcome IN (''started'', ''duplicate'', ''refused'', ''refused_by_page'')',
  'outcome IN (''started'', ''duplicate'', ''refused'', ''refused_by_page'', ''queued'', ''interrupted'', ''rolled_back'')')
WHERE type = 'table' AND name = 'generation_attempts';
UPDATE sqlite_schema
SET sql = replace(sql, 'end_reason IN (''complete'', ''stopped'', ''failed'', ''interrupted'')',
  'end_reason IN (''complete'', ''stopped'', ''failed'', ''interrupted'', ''rolled_back'')')
WHERE type = 'table' AND name = 'generations';
PRAGMA writable_schema = RESET;
