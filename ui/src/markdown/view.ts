/** An answer on the page: shown at once, or as it is written. */

import type { Block } from "../ipc/bindings";
import { Blocks } from "./blocks";
import { reconcile, type Shown } from "./reconcile";
import type { MarkdownServices } from "./services";

/**
 * From which length on a paragraph has no caret, in characters. With something behind its text, a
 * paragraph is laid out as a whole whenever it grows: in one as long as a book's chapter, that is felt.
 */
const LONG = 16_000;

/**
 * Shows blocks in an element of its own. What a change leaves as it is keeps its nodes, and with them
 * the user's selection, what is unfolded and what is scrolled.
 */
export class MarkdownView {
	readonly #host: HTMLElement;
	readonly #shown: Shown<Block>;
	#blocks: readonly Block[] = [];

	constructor(host: HTMLElement, services: MarkdownServices) {
		const blocks = new Blocks(services);
		this.#host = host;
		this.#host.classList.add("markdown");
		this.#shown = {
			build: (block) => {
				const node = blocks.build(block);
				// What is inside follows the outermost one, so that a list's marks are on one side.
				if (!node.hasAttribute("dir")) node.setAttribute("dir", "auto");
				return node;
			},
			update: (node, was, now) => blocks.update(node, was, now),
		};
	}

	/** Shows these and nothing else. They must not be changed afterwards, only replaced. */
	show(blocks: readonly Block[]): void {
		reconcile(this.#host, this.#blocks, blocks, this.#shown);
		if (isLong(this.#blocks.at(-1)) !== isLong(blocks.at(-1))) this.#host.classList.toggle("long");
		this.#blocks = blocks;
	}
}

function isLong(block: Block | undefined): boolean {
	if (block?.type !== "paragraph") return false;
	let length = 0;
	for (const inline of block.inlines) if (inline.type === "text") length += inline.text.length;
	return length > LONG;
}
