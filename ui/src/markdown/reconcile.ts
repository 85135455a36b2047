/**
 * Has a node's children show a list that changes at its end. What did not change is not touched, so
 * that a selection in it survives, and the work in the DOM is that of the change.
 */

/** How an item is shown by one node. */
export interface ItemRenderer<Item> {
	build(item: Item, index: number): ChildNode;
	/** Has the node of `was` show `now`. False when it cannot, and a new node has to. */
	update(node: ChildNode, was: Item, now: Item): boolean;
}

/** The items are the last of the parent's children before `end`, or the last of all. */
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
 * Whether two plain values, as JSON has them, are equal. It goes through all of an answer when that has ended,
 * so it makes no lists of keys.
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

/** Has a text node that shows `was` show `now`, and leaves what both begin with as it is. */
export function rewrite(node: CharacterData, was: string, now: string): void {
	if (now.startsWith(was)) {
		if (now.length > was.length) node.appendData(now.slice(was.length));
		return;
	}
	let common = 0;
	while (was[common] === now[common]) common++;
	node.replaceData(common, was.length - common, now.slice(common));
}
