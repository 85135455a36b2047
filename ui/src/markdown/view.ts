/** An answer on the page: finished, or streaming. */

import type { Block } from "../ipc/bindings";
import { Blocks } from "./blocks";
import { Caret } from "./caret";
import { type ItemRenderer, reconcile } from "./reconcile";
import { costOf, fitToBudget } from "./render-budget";
import type { MarkdownServices } from "./services";

/** Whether the answer is still streaming, which a caret shows. */
export type Progress = "writing" | "written";

/** How much is rendered per frame, in characters of running text. */
const RENDER_BUDGET = 10_000;

/**
 * Renders blocks into a host element. Unchanged blocks keep their nodes, and with them the user's selection,
 * expanded parts and scroll positions.
 */
export class MarkdownView {
	readonly #host: HTMLElement;
	readonly #shown: ItemRenderer<Block>;
	readonly #caret = new Caret();
	readonly #services: MarkdownServices;
	/** The blocks to show, and the part of them already rendered. */
	#whole: readonly Block[] = [];
	#drawn: readonly Block[] = [];
	/** How much may be rendered after the next portion, in total. */
	#most = RENDER_BUDGET;
	#progress: Progress = "written";
	#isScheduled = false;

	constructor(host: HTMLElement, services: MarkdownServices) {
		const blocks = new Blocks(services);
		this.#services = services;
		this.#host = host;
		this.#host.classList.add("markdown");
		this.#shown = {
			build: (block) => {
				const node = blocks.build(block);
				// Nested blocks inherit the direction of the outermost one, so that a list's markers are on one side.
				if (!node.hasAttribute("dir")) node.setAttribute("dir", "auto");
				return node;
			},
			update: (node, was, now) => blocks.update(node, was, now),
		};
	}

	/**
	 * Replaces the content with `blocks`: immediately, or a portion per frame if they are long; until all is
	 * rendered, the host has `data-partial`. The blocks must not be mutated afterwards, only replaced.
	 */
	show(blocks: readonly Block[], progress: Progress): void {
		this.#whole = blocks;
		this.#progress = progress;
		if (!this.#isScheduled) this.#draw();
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
			this.#scheduleDraw();
		}
	}

	#scheduleDraw(): void {
		this.#isScheduled = true;
		requestAnimationFrame(() => {
			this.#isScheduled = false;
			// A detached host is rendered again by `show` before it becomes visible.
			if (this.#host.isConnected) this.#services.preserveScroll(() => this.#draw());
		});
	}
}
