/**
 * The caret at the end of a streaming answer. A class marks its element, because a selector such as `:last-child`
 * would recalculate the styles of the whole answer whenever something is appended after it.
 */

/** The elements that the next word is appended to. */
const LINE = "p, h1, h2, h3, h4, h5, h6, td, .lines, pre.html, li:empty, code:empty";

/** The elements that contain such a line. */
const CONTAINERS =
	"ul, ol, li, blockquote, .table, table, tbody, tr, .open, .open > pre, .open code";

/**
 * The length above which a paragraph has no caret, in characters. With content after its text, a paragraph
 * is laid out as a whole whenever it grows, which is noticeable in one as long as a book's chapter unless it is
 * split into pieces.
 */
const LONG = 16_000;

/** The caret of one answer. */
export class Caret {
	#at: Element | null = null;

	/** Moves the caret after the current content of `host`; hides it while that is empty. */
	put(host: Element): void {
		const line = lastLine(host);
		const isNowhere = line === null ? !host.hasChildNodes() : isLong(line);
		this.#move(isNowhere ? null : (line ?? host));
	}

	remove(): void {
		this.#move(null);
	}

	#move(to: Element | null): void {
		if (to === this.#at) return;
		this.#at?.classList.remove("caret");
		to?.classList.add("caret");
		this.#at = to;
	}
}

function isLong(line: Element): boolean {
	if (!line.matches("p")) return false;
	let length = 0;
	// Node by node, because the cost of `textContent` grows with its length.
	for (const node of line.childNodes) {
		if (node.nodeType === Node.TEXT_NODE) length += (node as Text).length;
	}
	return length > LONG;
}

function lastLine(host: Element): Element | null {
	let last = host.lastElementChild;
	while (last?.matches(CONTAINERS) && !last.matches(LINE)) last = last.lastElementChild;
	if (last?.matches(LINE) !== true) return null;
	const pieces = last.lastChild;
	return pieces instanceof Element && pieces.matches(".pieces") ? pieces.lastElementChild : last;
}
