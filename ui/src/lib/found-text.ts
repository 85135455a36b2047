/** Marks where a text stands, without touching the nodes that hold it: selections in them survive. */

const MARK = "found";

/** The most places that are marked. */
const MAX_RANGES = 2000;

/** Marks every place of `text` in `root`, in upper or lower case; no text takes the marks away. */
export function markText(root: Element, text: string): void {
	if (text === "") {
		CSS.highlights.delete(MARK);
		return;
	}
	const sought = text.toLowerCase();
	const ranges: StaticRange[] = [];
	const nodes = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
	for (
		let node = nodes.nextNode();
		node !== null && ranges.length < MAX_RANGES;
		node = nodes.nextNode()
	) {
		const held = (node as Text).data.toLowerCase();
		for (let at = held.indexOf(sought); at >= 0; at = held.indexOf(sought, at + sought.length)) {
			ranges.push(
				new StaticRange({
					startContainer: node,
					startOffset: at,
					endContainer: node,
					endOffset: at + sought.length,
				}),
			);
		}
	}
	CSS.highlights.set(MARK, new Highlight(...ranges));
}
