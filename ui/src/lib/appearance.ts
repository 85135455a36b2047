/** Light or dark. The core keeps the choice; the page remembers the last one for its first frame. */
import type { Appearance } from "../ipc/bindings";
import { readLocal, writeLocal } from "./local-storage";

const LAST = "appearance";

const SCHEMES: Record<Appearance, string> = {
	system: "light dark",
	light: "light",
	dark: "dark",
};

/** Has the page in these colours from now on, and from the next start's first frame. */
export function applyAppearance(appearance: Appearance): void {
	document.documentElement.style.colorScheme = SCHEMES[appearance];
	writeLocal(LAST, appearance);
}

/** Has the page in the colours that were last chosen, as far as it remembers. */
export function applyLastAppearance(): void {
	const last = readLocal(LAST);
	if (last !== null && Object.hasOwn(SCHEMES, last)) applyAppearance(last as Appearance);
}
