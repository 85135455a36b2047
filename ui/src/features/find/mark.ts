/** Highlights matches of a text without changing the DOM, so that selections survive. */

const MARK = "found";

/** Maximum number of highlighted matches. */
const MAX_RANGES = 2000;

/** Highlights every match of `text` in `root`, ignoring case; an empty text clears the highlights. */
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
