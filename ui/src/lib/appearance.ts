/**
 * Light or dark. The core keeps the choice; the page keeps the last one too, because a window that
 * asked the core first would be drawn in the wrong colours for a moment.
 */
import type { Appearance } from "../ipc/bindings";

const LAST = "appearance";

const SCHEMES: Record<Appearance, string> = {
	system: "light dark",
	light: "light",
	dark: "dark",
};

/** Has the page in these colours from now on, and from the next start's first frame. */
export function applyAppearance(appearance: Appearance): void {
	document.documentElement.style.colorScheme = SCHEMES[appearance];
	try {
		localStorage.setItem(LAST, appearance);
	} catch {
		// Without it, the next start only shows the system's colours for a moment.
	}
}

/** Has the page in the colours that were last chosen, as far as it remembers. */
export function applyLastAppearance(): void {
	try {
		const last = localStorage.getItem(LAST);
		if (last !== null && Object.hasOwn(SCHEMES, last)) applyAppearance(last as Appearance);
	} catch {
		// The system's colours, then.
	}
}
