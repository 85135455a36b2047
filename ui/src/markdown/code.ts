/** A block of code: its language, its buttons, and the text, which scrolls inside itself. */

import type { Block, Token } from "../ipc/bindings";
import { codePointName, splitControls } from "./controls";
import { element } from "./element";
import { languageName } from "./language";
import type { MarkdownServices } from "./services";

export type Code = Extract<Block, { type: "code" }>;

/**
 * How long a piece of the text is at least, in characters. Each is a box of whole lines, because what
 * grows is laid out anew from the start of its box.
 */
const PIECE = 2000;

/** How long a button says what it did, in ms. */
const SAID = 2000;

const blocks = new WeakMap<Node, CodeBlock>();

/** The block whose element this is. */
export function codeBlockOf(node: Node): CodeBlock {
	const block = blocks.get(node);
	if (block === undefined) throw new Error("the node is no block of code");
	return block;
}

/** Lines of a block that has no colours yet. */
interface Piece {
	readonly element: Element;
	/** What it ends with; null after a control. */
	text: Text | null;
	/** Of all its text, in characters. */
	length: number;
	/** Its last line has ended. */
	isWhole: boolean;
}

/** One block on the page. What grows at its end is added; anything else is shown anew, without colours. */
export class CodeBlock {
	readonly element: HTMLElement;
	/** Holds the text and nothing else. */
	readonly code = element("code");
	readonly #services: MarkdownServices;
	readonly #label = element("span", { class: "language" });
	readonly #pre = element("pre", { tabindex: "0", role: "group", "aria-live": "off" }, this.code);
	#source: Code;
	/** The last piece; null when there is none, or none that can grow. */
	#tail: Piece | null = null;

	constructor(source: Code, services: MarkdownServices) {
		this.#source = source;
		this.#services = services;
		this.#append(source.text);
		services.sideways.watch(this.#pre);
		const bar = element("figcaption", {}, this.#label, this.#wrapButton(), this.#copyButton());
		// Code is written from the left, whatever is around it.
		this.element = element("figure", { class: "code", dir: "ltr" }, bar, this.#pre);
		this.#name();
		blocks.set(this.element, this);
		if (source.closed) services.highlighter.watch(this);
		else this.element.classList.add("open");
	}

	/** What is shown. */
	get source(): Code {
		return this.#source;
	}

	update(now: Code): void {
		const was = this.#source;
		const isSameCode = was.text === now.text && was.language === now.language;
		if (isSameCode && was.closed === now.closed) return;
		this.#source = now;
		if (was.language !== now.language) this.#name();
		if (this.#tail !== null && now.text.startsWith(was.text)) {
			this.#append(now.text.slice(was.text.length));
		} else {
			this.#tail = null;
			this.code.replaceChildren();
			this.#append(now.text);
		}
		if (was.closed !== now.closed) this.element.classList.toggle("open");
		if (now.closed) this.#services.highlighter.watch(this);
	}

	/**
	 * Colours the code, a piece at a time, because all of a long one would take longer than a frame.
	 * Ends early when the code has changed since `source`.
	 */
	*color(source: Code, tokens: readonly Token[]): Generator<undefined> {
		// Controls are to be seen already.
		if (tokens.every(({ kind }) => kind === "plain" || kind === "control")) return;
		let next = 0;
		let used = 0;
		for (const piece of [...this.code.children]) {
			if (source !== this.#source) return;
			this.#tail = null;
			const colored = document.createDocumentFragment();
			for (let left = piece.textContent?.length ?? 0; left > 0; ) {
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
			piece.replaceChildren(colored);
			yield;
		}
	}

	/** Controls are shown at once, for code deceives as well while it is being written. */
	#append(text: string): void {
		let from = 0;
		while (from < text.length) {
			const tail = this.#tailWithRoom();
			const full = text.indexOf("\n", from + Math.max(0, PIECE - 1 - tail.length)) + 1;
			const to = full === 0 ? text.length : full;
			for (const token of splitControls(text.slice(from, to))) {
				if (token.kind === "plain" && tail.text !== null) {
					tail.text.appendData(token.text);
				} else {
					put(tail.element, token);
					tail.text = token.kind === "plain" ? (tail.element.lastChild as Text) : null;
				}
			}
			tail.length += to - from;
			tail.isWhole = full !== 0 || text.endsWith("\n");
			from = to;
		}
	}

	#tailWithRoom(): Piece {
		if (this.#tail !== null && (this.#tail.length < PIECE || !this.#tail.isWhole)) {
			return this.#tail;
		}
		const lines = element("span", { class: "lines" });
		this.#tail = { element: lines, text: null, length: 0, isWhole: false };
		this.code.append(lines);
		return this.#tail;
	}

	#name(): void {
		const name = languageName(this.#source.language);
		this.#label.textContent = name;
		this.#pre.setAttribute("aria-label", name === "Code" ? name : `Code, ${name}`);
	}

	#wrapButton(): HTMLElement {
		const button = element("button", { type: "button", class: "bare", "aria-pressed": "false" });
		button.append("Wrap");
		button.addEventListener("click", () => {
			const wraps = this.element.classList.toggle("wrap");
			button.setAttribute("aria-pressed", String(wraps));
		});
		return button;
	}

	#copyButton(): HTMLElement {
		const button = element("button", { type: "button", class: "bare" }, "Copy");
		// In the page from the first click on: what is laid out over the text costs each frame a little.
		const status = element("span", { role: "status", class: "visually-hidden" });
		let timer: ReturnType<typeof setTimeout> | undefined;
		const say = (words: string) => {
			button.textContent = words;
			status.textContent = words;
			clearTimeout(timer);
			timer = setTimeout(() => {
				button.textContent = "Copy";
				status.textContent = "";
			}, SAID);
		};
		button.addEventListener("click", () => {
			if (!status.isConnected) button.after(status);
			// Without the last line's end, which a terminal would take for Enter.
			this.#services.copy(this.#source.text.replace(/\n$/, "")).then(
				() => say("Copied"),
				() => say("Not copied"),
			);
		});
		return button;
	}
}

function put(parent: Node, { kind, text }: Token): void {
	switch (kind) {
		case "plain":
			parent.appendChild(document.createTextNode(text));
			break;
		case "control":
			// The character stays in the text, for a selection that is copied; the style shows its name.
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
