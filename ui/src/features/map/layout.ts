/**
 * Where the forks and ends of a tree are drawn: a row for each, depth down, in lanes. A node continues the lane of its
 * parent, or is one lane beside it; what branches off is drawn before the lane goes on, so that a lane is free again
 * below it. So there are as many lanes as branches of branches, not as many as branches. Pure.
 */
import type { Tree, TreeNode } from "../../ipc/bindings";

export interface Row {
	readonly node: TreeNode;
	/** From 0, on the left. */
	readonly lane: number;
	/** Depth in the tree, from 1. */
	readonly level: number;
	/** Index of the parent's row; null for a first message. */
	readonly parent: number | null;
	/** Place among its siblings in the order of the rows, from 1, and how many they are. */
	readonly place: number;
	readonly siblings: number;
	/** Index of the row in which the lane goes on; null at its end. */
	readonly next: number | null;
}

/** Returns the rows of a tree. What leads to an older branch stays in its lane; without a branch, the newest version. */
export function layOut({ nodes, branches }: Tree): Row[] {
	const children = childrenOf(nodes);
	const ranks = ranksOf(nodes, branches);
	const rows: Row[] = [];
	const open: Pending[] = stacked(inOrder(children.get(null) ?? [], ranks), null);
	for (let one = open.pop(); one !== undefined; one = open.pop()) {
		const { node, parent, place, siblings } = one;
		const above = parent === null ? undefined : rows[parent];
		const isLast = place === siblings;
		const index = rows.length;
		rows.push({
			node,
			lane: (above?.lane ?? 0) + (isLast || above === undefined ? 0 : 1),
			level: (above?.level ?? 0) + 1,
			parent,
			place,
			siblings,
			next: null,
		});
		if (isLast && parent !== null && above !== undefined) rows[parent] = { ...above, next: index };
		open.push(...stacked(inOrder(children.get(node.id) ?? [], ranks), index));
	}
	return rows;
}

interface Pending {
	readonly node: TreeNode;
	readonly parent: number | null;
	readonly place: number;
	readonly siblings: number;
}

/** Returns nodes for a stack: the first one on top. */
function stacked(nodes: readonly TreeNode[], parent: number | null): Pending[] {
	const siblings = nodes.length;
	return nodes.map((node, at) => ({ node, parent, place: at + 1, siblings })).reverse();
}

/** Returns siblings in the order of their rows: oldest first, and then the one that goes on in the lane. */
function inOrder(nodes: readonly TreeNode[], ranks: ReadonlyMap<string, number>): TreeNode[] {
	const rank = ({ id }: TreeNode) => ranks.get(id) ?? Number.POSITIVE_INFINITY;
	// The last of equals, which is the newest.
	const main = nodes.reduce<TreeNode | null>(
		(best, node) => (best === null || rank(node) <= rank(best) ? node : best),
		null,
	);
	return main === null ? [] : [...nodes.filter((node) => node !== main), main];
}

function childrenOf(nodes: readonly TreeNode[]): ReadonlyMap<string | null, TreeNode[]> {
	const children = new Map<string | null, TreeNode[]>();
	for (const node of nodes) {
		const known = children.get(node.parentId);
		if (known === undefined) children.set(node.parentId, [node]);
		else known.push(node);
	}
	return children;
}

/** Returns, for each node, the index of the first branch that ends at it or below it. */
function ranksOf(nodes: readonly TreeNode[], branches: Tree["branches"]): Map<string, number> {
	const order = new Map(branches.map(({ id }, at) => [id, at]));
	const ranks = new Map<string, number>();
	const lower = (id: string, rank: number) => {
		if (rank < (ranks.get(id) ?? Number.POSITIVE_INFINITY)) ranks.set(id, rank);
	};
	// Children are after their parents.
	for (const node of nodes.toReversed()) {
		for (const id of node.branchIds) lower(node.id, order.get(id) ?? branches.length);
		const rank = ranks.get(node.id);
		if (rank !== undefined && node.parentId !== null) lower(node.parentId, rank);
	}
	return ranks;
}

/** Returns the ids of the nodes from the end of a branch up to its first message. */
export function pathTo({ nodes, branches }: Tree, branchId: string | null): ReadonlySet<string> {
	const parents = new Map(nodes.map(({ id, parentId }) => [id, parentId]));
	const path = new Set<string>();
	let id = branches.find((branch) => branch.id === branchId)?.headMessageId ?? null;
	while (id !== null && parents.has(id)) {
		path.add(id);
		id = parents.get(id) ?? null;
	}
	return path;
}

/** Returns the part of a tree that matches a text, by words or by a branch's name, and what leads there. */
export function filtered(tree: Tree, text: string): { tree: Tree; matches: ReadonlySet<string> } {
	const wanted = text.trim().toLowerCase();
	const names = new Map(tree.branches.map(({ id, name }) => [id, name]));
	const has = (words: string) => words.toLowerCase().includes(wanted);
	const matching = tree.nodes.filter(
		({ label, branchIds }) => has(label) || branchIds.some((id) => has(names.get(id) ?? "")),
	);
	const matches = new Set(matching.map(({ id }) => id));
	const kept = new Set(matches);
	for (const { id, parentId } of tree.nodes.toReversed()) {
		if (kept.has(id) && parentId !== null) kept.add(parentId);
	}
	return { tree: { ...tree, nodes: tree.nodes.filter(({ id }) => kept.has(id)) }, matches };
}

/** How to show a node. */
export type Way =
	/** It is on the shown branch. */
	| { readonly type: "here" }
	| { readonly type: "branch"; readonly branchId: string }
	/** No branch shows it: this version has to be selected. */
	| { readonly type: "version"; readonly messageId: string; readonly branchId: string };

/** Returns how to show a node. Of several branches that end there, each call leads to the next one. */
export function wayTo(tree: Tree, node: TreeNode, shownId: string | null): Way {
	const at = node.branchIds.indexOf(shownId ?? "");
	const ending = node.branchIds[(at + 1) % node.branchIds.length];
	if (ending !== undefined && ending !== shownId) return { type: "branch", branchId: ending };
	if (pathTo(tree, shownId).has(node.id)) return { type: "here" };
	const first = tree.branches.find(({ id }) => pathTo(tree, id).has(node.id));
	if (first !== undefined) return { type: "branch", branchId: first.id };
	return { type: "version", messageId: node.id, branchId: node.branchId };
}

/** Returns the row that a key leads to; null for other keys. */
export function rowAfter(rows: readonly Row[], at: number, key: string): number | null {
	const last = rows.length - 1;
	switch (key) {
		case "ArrowDown":
			return Math.min(at + 1, last);
		case "ArrowUp":
			return Math.max(at - 1, 0);
		case "PageDown":
			return Math.min(at + PAGE, last);
		case "PageUp":
			return Math.max(at - PAGE, 0);
		case "Home":
			return 0;
		case "End":
			return last;
		case "ArrowLeft":
			return rows[at]?.parent ?? at;
		case "ArrowRight":
			return rows[at]?.next ?? at;
		default:
			return null;
	}
}

/** Number of rows that Page Up and Page Down move by. */
const PAGE = 10;
