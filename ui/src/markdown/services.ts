/** What the renderer asks of the page. It opens, fetches and copies nothing by itself. */
import type { Highlighter } from "./highlighter";
import type { OverflowObserver } from "./overflow-observer";

export interface MarkdownServices {
	/** Hands the destination of a link to whoever decides about it. */
	openLink(destination: string): void;
	/**
	 * Fetches an image that the user asked for: a `data:` URL, or a `blob:` URL of its own, which is
	 * revoked once it is shown. Any other URL is refused.
	 */
	loadImage(destination: string): Promise<string>;
	/** Puts a text into the clipboard; rejects when it could not. */
	copy(text: string): Promise<void>;
	/** Does what may change the page above of what the user looks at, and keeps that in its place. */
	preserveScroll(change: () => void): void;
	readonly highlighter: Highlighter;
	readonly overflow: OverflowObserver;
}
