-- The tokens of the messages that left_out counts, estimated where nothing counted them.
ALTER TABLE messages ADD COLUMN left_out_tokens INTEGER NOT NULL DEFAULT 0;
