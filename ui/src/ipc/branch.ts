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

/** A branch as commands name its composer. */
export interface ComposerPlace {
	/** Null for the conversation that does not exist yet. */
	readonly conversationId: string | null;
	/** Null for `main`. */
	readonly branchId: string | null;
}

/** Returns the composer of a branch. */
export function composerOf(key: BranchKey): ComposerPlace {
	const [conversationId = NEW, branchId = null] = key.split("/", 2);
	return { conversationId: conversationId === NEW ? null : conversationId, branchId };
}
