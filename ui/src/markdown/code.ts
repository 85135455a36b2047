/** A code block: its language, its buttons, and its scrollable text. */

import type { Block, Token } from "../ipc/bindings";
import { CodeLines } from "./code-lines";
import { element } from "./element";
import { languageName } from "./language";
import type { MarkdownServices } from "./services";

export type Code = Extract<Block, { type: "code" }>;

/** How long a button shows its result, in ms. */
const FEEDBACK_DURATION = 2000;

const blocks = new WeakMap<Node, CodeBlock>();

/** Returns the block that owns the element. */
export function codeBlockOf(node: Node): CodeBlock {
	const block = blocks.get(node);
	if (block === undefined) throw new Error("the node is not a code block");
	return block;
}

/** One block on the page. */
export class CodeBlock {
	readonly element: HTMLElement;
	readonly #lines = new CodeLines();
	readonly #services: MarkdownServices;
	readonly #label = element("span", { class: "language" });
	readonly #pre = element("pre", { tabindex: "0", role: "group", "aria-live": "off" }, this.code);
	#source: Code;

	constructor(source: Code, services: MarkdownServices) {
		this.#source = source;
		this.#services = services;
		this.#lines.rewrite("", source.text);
		services.overflow.watch(this.#pre);
		const bar = element("figcaption", {}, this.#label, this.#wrapButton(), this.#copyButton());
		// Code is always left to right, whatever the direction of the surrounding text.
		this.element = element("figure", { class: "code", dir: "ltr" }, bar, this.#pre);
		this.#name();
		blocks.set(this.element, this);
		if (source.closed) services.highlighter.watch(this);
		else this.element.classList.add("open");
	}

	/** The block currently shown. */
	get source(): Code {
		return this.#source;
	}

	/** Contains the text and nothing else. */
	get code(): Element {
		return this.#lines.element;
	}

	update(now: Code): void {
		const was = this.#source;
		const isSameCode = was.text === now.text && was.language === now.language;
		if (isSameCode && was.closed === now.closed) return;
		this.#source = now;
		if (was.language !== now.language) this.#name();
		this.#lines.rewrite(was.text, now.text);
		if (was.closed !== now.closed) this.element.classList.toggle("open");
		if (now.closed) this.#services.highlighter.watch(this);
	}

	/**
	 * Colours the code, a piece at a time, because a long block would take longer than a frame.
	 * Ends early if the code has changed since `source`.
	 */
	*color(source: Code, tokens: readonly Token[]): Generator<undefined> {
		// Control characters are already visible.
		if (tokens.every(({ kind }) => kind === "plain" || kind === "control")) return;
		yield* this.#lines.color(tokens, () => source === this.#source);
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
		// Added on the first click: content positioned over the text adds a small cost to each frame.
		const status = element("span", { role: "status", class: "visually-hidden" });
		let timer: ReturnType<typeof setTimeout> | undefined;
		const say = (words: string) => {
			button.textContent = words;
			status.textContent = words;
			clearTimeout(timer);
			timer = setTimeout(() => {
				button.textContent = "Copy";
				status.textContent = "";
			}, FEEDBACK_DURATION);
		};
		button.addEventListener("click", () => {
			if (!status.isConnected) button.after(status);
			// Without the trailing newline, which a terminal would treat as Enter.
			this.#services.copy(this.#source.text.replace(/\n$/, "")).then(
				() => say("Copied"),
				() => say("Not copied"),
			);
		});
		return button;
	}
}
