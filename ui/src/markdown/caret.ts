/**
 * Where more is to come in an answer. The place is found and marked, because a selector that knows it by what
 * is last has all of an answer's styles made anew when something is put behind the answer.
 */

/** What the next word is written in. */
const LINE = "p, h1, h2, h3, h4, h5, h6, td, .lines, pre.html, li:empty, code:empty";

/** What has such a thing in it. */
const AROUND = "ul, ol, li, blockquote, .table, table, tbody, tr, .open, .open > pre, .open code";

/**
 * From which length on a line has no caret, in characters. With something behind its text, a
 * paragraph is laid out as a whole whenever it grows: in one as long as a book's chapter, that is felt.
 */
const LONG = 16_000;

/** The caret of one answer. */
export class Caret {
	#at: Element | null = null;

	/** Puts it behind what the element shows now. */
	put(host: Element): void {
		const line = lastLine(host);
		const isLong = line?.matches("p") && (line.textContent?.length ?? 0) > LONG;
		this.#move(isLong ? null : (line ?? host));
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

function lastLine(host: Element): Element | null {
	let last = host.lastElementChild;
	while (last?.matches(AROUND) && !last.matches(LINE)) last = last.lastElementChild;
	return last?.matches(LINE) ? last : null;
}
