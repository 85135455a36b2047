/** The selection of the user, or the caret. */

/** Returns whether the selection intersects the node. */
export function isSelectedIn(node: Node): boolean {
	const selection = document.getSelection();
	return (
		selection !== null && selection.rangeCount > 0 && selection.getRangeAt(0).intersectsNode(node)
	);
}
