/** Where the user has selected something, or set the caret. */

/** Whether any of it is in the node. */
export function isSelectedIn(node: Node): boolean {
	const selection = document.getSelection();
	return (
		selection !== null && selection.rangeCount > 0 && selection.getRangeAt(0).intersectsNode(node)
	);
}
