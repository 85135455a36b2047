/** Light or dark. The core stores the setting; the page caches the last one for its first frame. */
import type { Appearance } from "../../ipc/bindings";
import { readLocal, writeLocal } from "../../shared/storage";

const LAST = "appearance";

const SCHEMES: Record<Appearance, string> = {
	system: "light dark",
	light: "light",
	dark: "dark",
};

/** Applies a colour scheme now, and caches it for the first frame of the next start. */
export function applyAppearance(appearance: Appearance): void {
	document.documentElement.style.colorScheme = SCHEMES[appearance];
	writeLocal(LAST, appearance);
}

/** Applies the cached colour scheme, if there is one. */
export function applyLastAppearance(): void {
	const last = readLocal(LAST);
	if (last !== null && Object.hasOwn(SCHEMES, last)) applyAppearance(last as Appearance);
}
