-- What waits in a composer, a draft and files, belongs to a branch: branches answer side by side, and each is written
-- to by itself. What there is goes to main, which every conversation has. `conversation_id` stays, because a purge
-- deletes by it, in copies of every schema.
CREATE TABLE branch_drafts (
  branch_id       TEXT    PRIMARY KEY NOT NULL REFERENCES branches(id) ON DELETE CASCADE,
  conversation_id TEXT    NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
  content         TEXT    NOT NULL,
  updated_at      INTEGER NOT NULL
) STRICT;
INSERT INTO branch_drafts (branch_id, conversation_id, content, updated_at)
SELECT b.id, d.conversation_id, d.content, d.updated_at
FROM drafts d JOIN branches b ON b.conversation_id = d.conversation_id AND b.name = 'main';
DROP TABLE drafts;
ALTER TABLE branch_drafts RENAME TO drafts;
CREATE INDEX drafts_by_conversation ON drafts(conversation_id);

-- Only of a file that waits in a composer; a message and a queued message have a branch of their own.
ALTER TABLE attachments ADD COLUMN branch_id TEXT
  REFERENCES branches(id) ON DELETE CASCADE
  CHECK (branch_id IS NULL
    OR (conversation_id IS NOT NULL AND message_id IS NULL AND queued_message_id IS NULL));
UPDATE attachments
SET branch_id = (SELECT b.id FROM branches b
  WHERE b.conversation_id = attachments.conversation_id AND b.name = 'main')
WHERE conversation_id IS NOT NULL AND message_id IS NULL AND queued_message_id IS NULL;
CREATE INDEX attachments_by_branch ON attachments(branch_id) WHERE branch_id IS NOT NULL;
