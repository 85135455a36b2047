/**
 * Reconciles a node's children with a list that changes at its end. Unchanged nodes are not touched, so a
 * selection in them survives, and the DOM work is proportional to the change.
 */

/** Renders an item as one node. */
export interface ItemRenderer<Item> {
	build(item: Item, index: number): ChildNode;
	/** Updates the node from `was` to `now`. Returns false if that needs a new node. */
	update(node: ChildNode, was: Item, now: Item): boolean;
}

/** The items are the parent's last children before `end`, or its last children if that is null. */
export function reconcile<Item>(
	parent: Node,
	was: readonly Item[],
	now: readonly Item[],
	shown: ItemRenderer<Item>,
	end: ChildNode | null = null,
): void {
	const first = firstChange(was, now);
	let node = end === null ? parent.lastChild : end.previousSibling;
	for (let index = was.length - 1; index >= first && node !== null; index--) {
		const before = index === first ? null : node.previousSibling;
		if (index >= now.length) {
			node.remove();
		} else {
			const item = now[index] as Item;
			if (!shown.update(node as ChildNode, was[index] as Item, item)) {
				node.replaceWith(shown.build(item, index));
			}
		}
		node = before;
	}
	for (let index = was.length; index < now.length; index++) {
		parent.insertBefore(shown.build(now[index] as Item, index), end);
	}
}

function firstChange(was: readonly unknown[], now: readonly unknown[]): number {
	const shared = Math.min(was.length, now.length);
	let first = 0;
	while (first < shared && isEqual(was[first], now[first])) first++;
	return first;
}

/**
 * Returns whether two JSON values are equal. It traverses a whole answer when that ends, so it allocates no
 * key lists.
 */
export function isEqual(a: unknown, b: unknown): boolean {
	if (a === b) return true;
	if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
	if (Array.isArray(a) || Array.isArray(b)) {
		if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
		for (let index = 0; index < a.length; index++) if (!isEqual(a[index], b[index])) return false;
		return true;
	}
	const [one, other] = [a as Record<string, unknown>, b as Record<string, unknown>];
	let keys = 0;
	for (const key in one) {
		if (!isEqual(one[key], other[key])) return false;
		keys++;
	}
	for (const _ in other) keys--;
	return keys === 0;
}

/** Updates a text node from `was` to `now`, leaving the common prefix untouched. */
export function rewrite(node: CharacterData, was: string, now: string): void {
	if (now.startsWith(was)) {
		if (now.length > was.length) node.appendData(now.slice(was.length));
		return;
	}
	let common = 0;
	while (was[common] === now[common]) common++;
	node.replaceData(common, was.length - common, now.slice(common));
}
