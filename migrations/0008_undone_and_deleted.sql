-- What an answer that is written beside another goes back to where it comes to nothing, and what is
-- deleted: hidden at once, given back by Undo, taken away in portions when the time for that is over.

-- What the branch showed before the generation began; null where it is nothing's second version. No
-- reference: both go with their conversation, and an id that names nothing leads nowhere.
ALTER TABLE generations ADD COLUMN previous_message_id TEXT;

ALTER TABLE conversations ADD COLUMN deleted_at INTEGER;
-- From here on there is no Undo: some of it is gone already.
ALTER TABLE conversations ADD COLUMN purging INTEGER NOT NULL DEFAULT 0
  CHECK (purging = 0 OR (purging = 1 AND deleted_at IS NOT NULL));
CREATE INDEX conversations_deleted ON conversations(deleted_at) WHERE deleted_at IS NOT NULL;

-- The versions of a conversation's first message have no parent to be found by.
CREATE INDEX messages_first ON messages(conversation_id) WHERE parent_id IS NULL;
