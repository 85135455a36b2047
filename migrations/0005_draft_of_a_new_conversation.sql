-- What is typed before its conversation exists has no conversation to refer to, as a draft has. So it has
-- a table of its own, with at most one row a user: there is one place to begin a new conversation.
CREATE TABLE new_conversation_drafts (
  user_id    TEXT    PRIMARY KEY NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  content    TEXT    NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
