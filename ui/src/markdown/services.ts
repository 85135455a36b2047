/** What the renderer needs from the page. The renderer opens, fetches and copies nothing itself. */
import type { Highlighter } from "./highlighter";
import type { OverflowObserver } from "./overflow-observer";

export interface MarkdownServices {
	/** Passes a link's destination to the page, which decides whether to open it. */
	openLink(destination: string): void;
	/**
	 * Fetches an image that the user requested. Resolves to a `data:` URL, or to a new `blob:` URL, which the
	 * renderer revokes once the image is shown. Any other URL is refused.
	 */
	loadImage(destination: string): Promise<string>;
	/** Copies a text to the clipboard; rejects on failure. */
	copy(text: string): Promise<void>;
	/** Runs a change that may affect content above the viewport, and keeps the visible content in place. */
	preserveScroll(change: () => void): void;
	readonly highlighter: Highlighter;
	readonly overflow: OverflowObserver;
}
