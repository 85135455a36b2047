/** Handles the global shortcuts and Escape. */

import { isDialogOpen, isTyping } from "../../shared/dom";
import { isComposing } from "../../shared/keyboard";
import { type GlobalShortcut, globalOf } from "./shortcuts";

/** What a shortcut does; false if it does nothing, and the key press is left to other listeners. */
export type ShortcutActions = Readonly<Record<GlobalShortcut | "escape", () => unknown>>;

export function listenToShortcuts(actions: ShortcutActions): void {
	document.addEventListener("keydown", (event) => {
		// An open dialog handles its own keys.
		if (event.defaultPrevented || isComposing(event) || isDialogOpen()) return;
		const name = event.key === "Escape" ? "escape" : globalOf(event);
		if (name === undefined || (name === "help" && isTyping())) return;
		if (actions[name]() !== false) event.preventDefault();
	});
}
