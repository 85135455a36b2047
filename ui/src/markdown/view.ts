/** An answer on the page: shown at once, or as it is written. */

import type { Block } from "../ipc/bindings";
import { Blocks } from "./blocks";
import { Caret } from "./caret";
import { reconcile, type Shown } from "./reconcile";
import type { MarkdownServices } from "./services";

/** Whether more is to come, which a caret says. */
export type Progress = "writing" | "written";

/**
 * Shows blocks in an element of its own. What a change leaves as it is keeps its nodes, and with them
 * the user's selection, what is unfolded and what is scrolled.
 */
export class MarkdownView {
	readonly #host: HTMLElement;
	readonly #shown: Shown<Block>;
	readonly #caret = new Caret();
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
	show(blocks: readonly Block[], progress: Progress): void {
		if (blocks !== this.#blocks) reconcile(this.#host, this.#blocks, blocks, this.#shown);
		this.#blocks = blocks;
		if (progress === "writing") this.#caret.put(this.#host);
		else this.#caret.remove();
	}
}
