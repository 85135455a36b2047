/**
 * The text of a code block, split into boxes of a few lines each, and long lines into boxes of their parts:
 * growing text is laid out again from the start of its box. The boxes depend on the text alone.
 */

import type { Token } from "../ipc/bindings";
import { codePointName, splitControls } from "./controls";
import { element } from "./element";
import { firstOf } from "./long-text";

/** The minimum length of a box of whole lines, and the maximum of a part of a line, in characters. */
const PIECE = 2000;

/** The longest line that shares a box with others, in characters. */
const LONG = 4000;

interface Box {
	readonly element: Element;
	/** The long line that this box is a part of; null for a box of whole lines. */
	readonly longLine: Element | null;
	/** The text node at its end; null after a control character. */
	text: Text | null;
	/** Length of its text, in characters. */
	length: number;
	/** Length of its unterminated last line, in characters. */
	open: number;
}

export class CodeLines {
	/** Contains the text and nothing else. */
	readonly element = element("code");
	/** The last box; null if there is none, or if it can no longer grow. */
	#tail: Box | null = null;

	/** Changes the text from `was` to `now`: appends a new end; rebuilds after any other change, without colours. */
	rewrite(was: string, now: string): void {
		if (this.#tail !== null && now.startsWith(was)) {
			this.#append(now.slice(was.length));
		} else {
			this.#tail = null;
			this.element.replaceChildren();
			this.#append(now);
		}
	}

	/** Colours the text box by box while `isCurrent` holds; a coloured text can no longer grow. */
	*color(tokens: readonly Token[], isCurrent: () => boolean): Generator<undefined> {
		let next = 0;
		let used = 0;
		for (const box of this.element.querySelectorAll(".lines:not(.long), .part")) {
			if (!isCurrent()) return;
			this.#tail = null;
			const colored = document.createDocumentFragment();
			for (let left = box.textContent?.length ?? 0; left > 0; ) {
				const token = tokens[next];
				if (token === undefined) return;
				const text = token.text.slice(used, used + left);
				put(colored, { kind: token.kind, text });
				left -= text.length;
				used += text.length;
				if (used === token.text.length) {
					next++;
					used = 0;
				}
			}
			box.replaceChildren(colored);
			yield;
		}
	}

	#append(text: string): void {
		for (const [line] of text.matchAll(/[^\n]*\n|[^\n]+/g)) {
			const box = this.#boxWithRoom();
			if (box.longLine !== null) this.#appendParts(box.longLine, box, line);
			else if (box.open + line.length <= LONG) add(box, line);
			else this.#appendParts(...this.#cutOut(box, line));
		}
	}

	#boxWithRoom(): Box {
		const tail = this.#tail;
		const hasRoom = tail?.longLine === null && tail.length < PIECE;
		if (tail !== null && (hasRoom || tail.open > 0)) return tail;
		return this.#begin(this.element, "lines", null);
	}

	/** Moves the unterminated line out of the box, to be split into parts; returns its text followed by `more`. */
	#cutOut(box: Box, more: string): [Element, Box, string] {
		const line = takeEnd(box.element, box.open);
		if (box.open === box.length) box.element.remove();
		const longLine = element("span", { class: "lines long" });
		this.element.append(longLine);
		return [longLine, this.#begin(longLine, "part", longLine), line + more];
	}

	#appendParts(longLine: Element, first: Box, text: string): void {
		let box = first;
		let rest = text;
		while (rest !== "") {
			const part = firstOf(rest, PIECE - box.length);
			if (part === "") box = this.#begin(longLine, "part", longLine);
			add(box, part);
			rest = rest.slice(part.length);
		}
	}

	#begin(parent: Element, kind: string, longLine: Element | null): Box {
		const span = element("span", { class: kind });
		parent.append(span);
		this.#tail = { element: span, longLine, text: null, length: 0, open: 0 };
		return this.#tail;
	}
}

/** Control characters are shown immediately, because code can deceive while it streams, too. */
function add(box: Box, text: string): void {
	for (const token of splitControls(text)) {
		if (token.kind === "plain" && box.text !== null) {
			box.text.appendData(token.text);
		} else {
			put(box.element, token);
			box.text = token.kind === "plain" ? (box.element.lastChild as Text) : null;
		}
	}
	box.length += text.length;
	box.open = text.endsWith("\n") ? 0 : box.open + text.length;
}

/** Removes and returns the last characters: those of whole nodes and of the end of one text node. */
function takeEnd(parent: Element, length: number): string {
	let taken = "";
	while (taken.length < length) {
		const last = parent.lastChild as ChildNode;
		const text = last.textContent ?? "";
		const end = text.slice(-(length - taken.length));
		taken = end + taken;
		if (end === text) last.remove();
		else (last as Text).deleteData(text.length - end.length, end.length);
	}
	return taken;
}

function put(parent: Node, { kind, text }: Token): void {
	switch (kind) {
		case "plain":
			parent.appendChild(document.createTextNode(text));
			break;
		case "control":
			// The character stays in the text, so that a selection copies it; CSS shows its name.
			for (const character of text) {
				const name = codePointName(character);
				parent.appendChild(element("span", { class: "tok-control", "data-name": name }, character));
			}
			break;
		case "comment":
		case "keyword":
		case "string":
		case "number":
		case "constant":
		case "function":
		case "type":
		case "variable":
		case "operator":
		case "punctuation":
		case "tag":
		case "attribute":
		case "inserted":
		case "deleted":
		case "heading":
			parent.appendChild(element("span", { class: `tok-${kind}` }, text));
			break;
	}
}
