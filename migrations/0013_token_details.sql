-- What an answer's tokens were, as the provider counts them: of the prompt's, those that were written to its cache; of
-- the answer's, those of the reasoning.
ALTER TABLE messages ADD COLUMN cache_written_tokens INTEGER;
ALTER TABLE messages ADD COLUMN reasoning_tokens INTEGER;
