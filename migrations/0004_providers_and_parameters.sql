-- What an answer has beside its text: what the model thought, why it ended, how many of the oldest
-- messages it was not shown. What a conversation asks of a model. And the providers that the user
-- adds: where the key of each is kept, never the key itself.
ALTER TABLE messages ADD COLUMN reasoning TEXT NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN finish_reason TEXT;
ALTER TABLE messages ADD COLUMN cached_tokens INTEGER;
ALTER TABLE messages ADD COLUMN left_out INTEGER NOT NULL DEFAULT 0;

ALTER TABLE message_chunks ADD COLUMN reasoning TEXT NOT NULL DEFAULT '';

-- JSON; what is not in it is the default of all conversations.
ALTER TABLE conversations ADD COLUMN parameters TEXT NOT NULL DEFAULT '{}';

ALTER TABLE providers ADD COLUMN preset TEXT NOT NULL DEFAULT 'custom';
ALTER TABLE providers ADD COLUMN max_parallel INTEGER NOT NULL DEFAULT 4 CHECK (max_parallel >= 1);
ALTER TABLE providers ADD COLUMN key_place TEXT;
ALTER TABLE providers ADD COLUMN key_last_four TEXT;
