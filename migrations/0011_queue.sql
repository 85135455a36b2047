-- What a send does while an answer is running is a conversation's own or, without one, the default in `settings`. So
-- the column may be null. Removing NOT NULL and a default changes no row, so the text of the schema is replaced,
-- https://sqlite.org/lang_altertable.html#otheralter, and the column keeps its place, by which salvage carves rows of
-- older files.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema
SET sql = replace(sql, 'send_policy  TEXT    NOT NULL DEFAULT ''reject''', 'send_policy  TEXT')
WHERE type = 'table' AND name = 'conversations';
PRAGMA writable_schema = RESET;
-- Until now, every conversation had the value that no user had chosen.
UPDATE conversations SET send_policy = NULL;

-- The parameters when it was queued, as JSON; how many files it had, so that one that vanished is noticed. An open
-- editor holds it back until then. What was removed can be restored for a while. The revision counts edits, so that
-- other processes notice them.
ALTER TABLE queued_messages ADD COLUMN parameters TEXT NOT NULL DEFAULT '{}';
ALTER TABLE queued_messages ADD COLUMN files INTEGER NOT NULL DEFAULT 0 CHECK (files >= 0);
ALTER TABLE queued_messages ADD COLUMN held_until INTEGER;
ALTER TABLE queued_messages ADD COLUMN removed_at INTEGER;
ALTER TABLE queued_messages ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;

-- Why the branch's queue is paused, and what the user has to know about it.
ALTER TABLE branches ADD COLUMN queue_paused TEXT
  CHECK (queue_paused IN ('stopped', 'failed', 'restarted', 'user'));
ALTER TABLE branches ADD COLUMN queue_notice TEXT CHECK (queue_notice IS NULL OR queue_paused IS NOT NULL);

ALTER TABLE attachments ADD COLUMN queued_message_id TEXT
  REFERENCES queued_messages(id) ON DELETE CASCADE
  CHECK (queued_message_id IS NULL OR message_id IS NULL);
CREATE INDEX attachments_by_queued ON attachments(queued_message_id) WHERE queued_message_id IS NOT NULL;

-- The queued message that a generation answers: the data refuses to send one twice, even where the code is wrong. And
-- what the branch showed before its turn, to which a send that takes the turn back returns; null for an empty branch.
ALTER TABLE generations ADD COLUMN queued_message_id TEXT;
ALTER TABLE generations ADD COLUMN head_before TEXT;
CREATE UNIQUE INDEX generations_by_queued ON generations(queued_message_id) WHERE queued_message_id IS NOT NULL;
