/** Listens to the shortcuts that work wherever the focus is, and to Escape. */
import { isComposing } from "./lib/keys";
import { isDialogOpen, isTyping } from "./lib/type-anywhere";
import { type GlobalShortcut, globalOf } from "./shortcuts";

/** What a shortcut does; false where it has nothing to do, and the press is left to others. */
export type ShortcutActions = Readonly<Record<GlobalShortcut | "escape", () => unknown>>;

export function listenToShortcuts(actions: ShortcutActions): void {
	document.addEventListener("keydown", (event) => {
		// A dialog has the keys to itself.
		if (event.defaultPrevented || isComposing(event) || isDialogOpen()) return;
		const name = event.key === "Escape" ? "escape" : globalOf(event);
		if (name === undefined || (name === "help" && isTyping())) return;
		if (actions[name]() !== false) event.preventDefault();
	});
}
