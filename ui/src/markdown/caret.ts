/**
 * Where more is to come in an answer. The place is found and marked, because a selector that knows it by what
 * is last has all of an answer's styles made anew when something is put behind the answer.
 */

/** What the next word is written in. */
const LINE = "p, h1, h2, h3, h4, h5, h6, td, .lines, pre.html, li:empty, code:empty";

/** What has such a thing in it. */
const CONTAINERS =
	"ul, ol, li, blockquote, .table, table, tbody, tr, .open, .open > pre, .open code";

/**
 * From which length on a paragraph has no caret, in characters. With something behind its text, a
 * paragraph is laid out as a whole whenever it grows: in one as long as a book's chapter, that is felt,
 * unless it stands in pieces.
 */
const LONG = 16_000;

/** The caret of one answer. */
export class Caret {
	#at: Element | null = null;

	/** Puts it behind what the element shows now; nowhere while that is nothing. */
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
	// Node by node, because to join the text costs more the longer it is.
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
