-- A branch that is being deleted is hidden at once; its messages go in portions, and its row last.
ALTER TABLE branches ADD COLUMN deleted_at INTEGER;
CREATE INDEX branches_deleted ON branches(deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX messages_by_branch ON messages(branch_id);
