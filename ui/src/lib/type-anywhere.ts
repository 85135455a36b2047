/** What is typed while no field has the focus comes to the composer. */
import { matches } from "./shortcut";

const PASTE = ["Mod+V", "Shift+Insert"];

/** What of a press counts. */
type Press = Parameters<typeof matches>[0] & Pick<KeyboardEvent, "getModifierState">;

/**
 * Gives the focus to `field` before a press that writes or pastes does so; null where nothing takes it.
 * Call it after those who listen to shortcuts.
 */
export function typeAnywhere(field: () => HTMLTextAreaElement | null): void {
	document.addEventListener("keydown", (event) => {
		if (event.defaultPrevented || isDialogOpen() || isTyping()) return;
		if (event.key === " " && isUsedBySpace(event.target as Element)) return;
		// The press goes on in the field that has the focus by then.
		if (writes(event)) field()?.focus();
	});
}

/** Whether a press puts something in, were a field focused. */
export function writes(press: Press): boolean {
	if (PASTE.some((shortcut) => matches(press, shortcut))) return true;
	const { key, ctrlKey, altKey, metaKey } = press;
	// AltGr is told as Ctrl and Alt on some systems.
	const isShortcut = (ctrlKey || altKey || metaKey) && !press.getModifierState("AltGraph");
	// `Dead` begins a letter, `Process` is an input method's.
	return !isShortcut && ([...key].length === 1 || key === "Dead" || key === "Process");
}

/** A space presses a button, and scrolls what can be scrolled. */
function isUsedBySpace(target: Element): boolean {
	return target.closest("button, a, summary, [tabindex], input") !== null;
}

export function isDialogOpen(): boolean {
	return document.querySelector("dialog[open]") !== null;
}

/** Something has the focus that takes text. */
export function isTyping(): boolean {
	const active = document.activeElement;
	return (
		active?.matches(
			"textarea, select, [contenteditable], input:not([type=checkbox], [type=radio])",
		) ?? false
	);
}
