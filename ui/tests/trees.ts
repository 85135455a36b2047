import type { Tree, TreeBranch, TreeNode } from "../src/ipc/bindings";

/** A node of a tree; without branches, it is hidden if nothing follows it, which the caller decides. */
export function node(id: string, parentId: string | null, more: Partial<TreeNode> = {}): TreeNode {
	return {
		id,
		parentId,
		messageId: `m-${id}`,
		role: "user",
		label: `Words of ${id}`,
		model: null,
		branchId: "main",
		count: 2,
		status: "complete",
		createdAt: 1_700_000_000_000,
		branchIds: [],
		hidden: false,
		...more,
	};
}

/** A branch that ends at a node. */
export function branch(id: string, headMessageId: string | null, more: Partial<TreeBranch> = {}) {
	return {
		id,
		name: id,
		headMessageId,
		forkLabel: "",
		locked: false,
		status: "complete",
		queued: 0,
		queuePaused: null,
		...more,
	} satisfies TreeBranch;
}

/** A tree of these nodes, as `id: parent`, and branches, as `id: head`. */
export function tree(
	parents: Readonly<Record<string, string | null>>,
	heads: Readonly<Record<string, string>>,
): Tree {
	const followed = new Set(Object.values(parents));
	const branches = Object.entries(heads).map(([id, head]) => branch(id, head));
	const nodes = Object.entries(parents).map(([id, parentId]) => {
		const branchIds = branches.filter(({ headMessageId }) => headMessageId === id).map((b) => b.id);
		return node(id, parentId, { branchIds, hidden: branchIds.length === 0 && !followed.has(id) });
	});
	return { conversationId: "c", nodes, branches };
}

/** Returns numbers from 0 up to 1 that are the same in each run. */
export function randoms(seed: number): () => number {
	let state = seed;
	return () => {
		state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
		return state / 2_147_483_648;
	};
}

/** A tree that grew as a user's does: mostly at the end of some branch, and with forks from anywhere. */
export function grown(branchCount: number, seed: number): Tree {
	const random = randoms(seed);
	const parents: Record<string, string | null> = { n0: null };
	const ids = ["n0"];
	const heads: Record<string, string> = {};
	for (let at = 1; at < branchCount * 2; at += 1) {
		const from = ids[Math.floor(random() * ids.length)] ?? "n0";
		const id = `n${at}`;
		parents[id] = random() < 0.02 ? null : from;
		ids.push(id);
	}
	for (let at = 0; at < branchCount; at += 1) {
		heads[at === 0 ? "main" : `b${at}`] = ids[Math.floor(random() * ids.length)] ?? "n0";
	}
	return tree(parents, heads);
}
