/** Names of branches: in commands and events, and as keys of what the page holds for each. */

export interface Branch {
	/** {@link NEW} for the conversation that does not exist yet. */
	readonly conversationId: string;
	/** Null for `main`, of which the id need not be known. */
	readonly branchId: string | null;
}

/** A branch as the key of a map: made by {@link branchKey}, and for `main` equal to its conversation's id. */
export type BranchKey = string;

/** The conversation that does not exist yet, and the key of its `main`: its first message creates it. */
export const NEW: BranchKey = "";

export function branchKey({ conversationId, branchId }: Branch): BranchKey {
	return branchId === null ? conversationId : `${conversationId}/${branchId}`;
}

/** Returns the key of a branch's draft and its files: the core stores one for each conversation, so it is main's. */
export function draftKey({ conversationId }: Branch): BranchKey {
	return branchKey({ conversationId, branchId: null });
}

/** Returns the conversation of a branch as commands name it; null for the one that does not exist yet. */
export function conversationOf(key: BranchKey): string | null {
	const [id = NEW] = key.split("/", 1);
	return id === NEW ? null : id;
}
