/** When the user comes to this window, and when they leave it. */

export interface WindowListener {
	/** The page was hidden, and is visible again. */
	visible(): void;
	focused(): void;
	/** The user leaves: what is unsaved may be lost. */
	left(): void;
}

export function watchWindow(page: Document, listener: WindowListener): void {
	page.addEventListener("visibilitychange", () => {
		if (page.visibilityState === "visible") listener.visible();
		else listener.left();
	});
	window.addEventListener("focus", () => listener.focused());
	window.addEventListener("blur", () => listener.left());
	window.addEventListener("pagehide", () => listener.left());
}
