/** An answer on the page: shown at once, or as it is written. */

import type { Block } from "../ipc/bindings";
import { Blocks } from "./blocks";
import { Caret } from "./caret";
import { type ItemRenderer, reconcile } from "./reconcile";
import { costOf, fitToBudget } from "./render-budget";
import type { MarkdownServices } from "./services";

/** Whether more is to come, which a caret says. */
export type Progress = "writing" | "written";

/** How much is drawn in a frame, in characters of running text. */
const RENDER_BUDGET = 10_000;

/**
 * Shows blocks in an element of its own. What a change leaves as it is keeps its nodes, and with them
 * the user's selection, what is unfolded and what is scrolled.
 */
export class MarkdownView {
	readonly #host: HTMLElement;
	readonly #shown: ItemRenderer<Block>;
	readonly #caret = new Caret();
	readonly #services: MarkdownServices;
	/** What is to be shown, and what of it is. */
	#whole: readonly Block[] = [];
	#drawn: readonly Block[] = [];
	/** How much may be on the page after the next portion. */
	#most = RENDER_BUDGET;
	#progress: Progress = "written";
	#goesOn = false;

	constructor(host: HTMLElement, services: MarkdownServices) {
		const blocks = new Blocks(services);
		this.#services = services;
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

	/**
	 * Shows these and nothing else: at once, or a portion in each frame where they are much, and the host has
	 * `data-partial` until then. They must not be changed afterwards, only replaced.
	 */
	show(blocks: readonly Block[], progress: Progress): void {
		this.#whole = blocks;
		this.#progress = progress;
		if (!this.#goesOn) this.#draw();
	}

	#draw(): void {
		const whole = this.#whole;
		const blocks = fitToBudget(whole, this.#most);
		if (blocks !== this.#drawn) reconcile(this.#host, this.#drawn, blocks, this.#shown);
		this.#drawn = blocks;
		if (this.#progress === "writing") this.#caret.put(this.#host);
		else this.#caret.remove();
		const isAll = blocks === whole;
		this.#most = RENDER_BUDGET + (isAll ? costOf(whole) : this.#most);
		if (isAll) {
			this.#host.removeAttribute("data-partial");
		} else {
			this.#host.setAttribute("data-partial", "");
			this.#goOn();
		}
	}

	#goOn(): void {
		this.#goesOn = true;
		requestAnimationFrame(() => {
			this.#goesOn = false;
			// What has gone from the page is shown again before it is looked at.
			if (this.#host.isConnected) this.#services.preserveScroll(() => this.#draw());
		});
	}
}
