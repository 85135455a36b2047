-- An index over the held locks alone does not serve the foreign key: a conversation that was deleted
-- read every lock row. Whole, it also has nothing to write when a lock is taken or freed.
DROP INDEX generation_locks_by_conversation;
CREATE INDEX generation_locks_by_conversation ON generation_locks(conversation_id);
