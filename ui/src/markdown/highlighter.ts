/**
 * Highlights code: only a closed block, only once it is near the viewport, and not while the user has a
 * selection in it, because replacing the nodes would drop the selection.
 */

import type { Token } from "../ipc/bindings";
import type { CodeBlock } from "./code";
import { splitControls } from "./controls";
import { Lru } from "./lru";
import { isSelectedIn } from "./selection";

/** Splits code into tokens; null if it cannot be highlighted. */
export type Highlight = (language: string, text: string) => Promise<readonly Token[] | null>;

/** The colouring of one block, a piece at a time. */
type Coloring = Iterator<undefined>;

/** How much highlighted code is cached, in characters. */
const MAX_CACHED = 1_000_000;

/** Shared by the whole page, so that there is one observer and one cache. */
export class Highlighter {
	readonly #highlight: Highlight;
	readonly #observer: IntersectionObserver;
	readonly #blocks = new WeakMap<Element, CodeBlock>();
	readonly #known = new Lru<Promise<readonly Token[]>>(MAX_CACHED);
	/** Blocks being coloured piece by piece, in order. */
	readonly #queue: [CodeBlock, Coloring][] = [];
	/** Whether the current frame has already coloured a piece. */
	#hasColored = false;
	/** Blocks that wait until the user has no selection in them. */
	readonly #waiting = new Map<CodeBlock, Coloring>();

	/** "Near" is up to one screen away in the scroller, or in the window if that is null. */
	constructor(highlight: Highlight, scroller: Element | null = null) {
		this.#highlight = highlight;
		this.#observer = new IntersectionObserver(
			(entries) => {
				for (const { target, isIntersecting } of entries) {
					const block = this.#blocks.get(target);
					if (!isIntersecting || block === undefined) continue;
					this.#observer.unobserve(target);
					void this.#color(block);
				}
			},
			{ root: scroller, rootMargin: "100% 0px" },
		);
	}

	/** Colours the block once it is near, if it is closed by then. */
	watch(block: CodeBlock): void {
		this.#blocks.set(block.element, block);
		this.#observer.observe(block.element);
	}

	async #color(block: CodeBlock): Promise<void> {
		const { source } = block;
		if (!source.closed) return;
		const tokens = await this.#tokens(source.language ?? "", source.text);
		this.#enqueue(block, block.color(source, tokens));
	}

	#enqueue(block: CodeBlock, coloring: Coloring): void {
		this.#queue.push([block, coloring]);
		if (!this.#hasColored) this.#nextPiece();
	}

	/** Colours one piece per frame: a scroll or an answer's end brings many blocks near at the same time. */
	#nextPiece(): void {
		const next = this.#queue.shift();
		if (next === undefined) return;
		const [block, coloring] = next;
		if (isSelectedIn(block.code)) {
			if (this.#waiting.size === 0) document.addEventListener("selectionchange", this.#selected);
			this.#waiting.set(block, coloring);
		} else if (coloring.next().done !== true) {
			this.#queue.unshift(next);
		}
		this.#hasColored = true;
		requestAnimationFrame(() => {
			this.#hasColored = false;
			this.#nextPiece();
		});
	}

	readonly #selected = (): void => {
		for (const [block, coloring] of this.#waiting) {
			if (isSelectedIn(block.code)) continue;
			this.#waiting.delete(block);
			this.#enqueue(block, coloring);
		}
		if (this.#waiting.size === 0) document.removeEventListener("selectionchange", this.#selected);
	};

	#tokens(language: string, text: string): Promise<readonly Token[]> {
		const key = `${language}\n${text}`;
		const known = this.#known.get(key);
		if (known !== undefined) return known;
		const asked = this.#highlight(language, text).then(
			(tokens) => tokens ?? splitControls(text),
			() => {
				this.#known.delete(key);
				return splitControls(text);
			},
		);
		this.#known.set(key, asked);
		return asked;
	}
}
