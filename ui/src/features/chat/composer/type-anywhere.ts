/** Redirects keystrokes to the composer while no field has the focus. */
import { isDialogOpen, isTyping } from "../../../shared/dom";
import { matches } from "../../../shared/keyboard";

const PASTE = ["Mod+V", "Shift+Insert"];

/** The properties of a key press that matter here. */
type Press = Parameters<typeof matches>[0] & Pick<KeyboardEvent, "getModifierState">;

/**
 * Focuses `field` before a key press that types or pastes takes effect; null if no field receives it. Call it
 * after the shortcut listeners are added.
 */
export function typeAnywhere(field: () => HTMLTextAreaElement | null): void {
	document.addEventListener("keydown", (event) => {
		if (event.defaultPrevented || isDialogOpen() || isTyping()) return;
		if (event.key === " " && isUsedBySpace(event.target as Element)) return;
		// The key press takes effect in the field that has the focus by then.
		if (writes(event)) field()?.focus();
	});
}

/** Returns whether a key press would insert something into a focused field. */
export function writes(press: Press): boolean {
	if (PASTE.some((shortcut) => matches(press, shortcut))) return true;
	const { key, ctrlKey, altKey, metaKey } = press;
	// Some systems report AltGr as Ctrl and Alt.
	const isShortcut = (ctrlKey || altKey || metaKey) && !press.getModifierState("AltGraph");
	// `Dead` begins a letter, `Process` comes from an input method.
	return !isShortcut && ([...key].length === 1 || key === "Dead" || key === "Process");
}

/** Returns whether the element uses Space itself: it presses a button, and scrolls a scrollable element. */
function isUsedBySpace(target: Element): boolean {
	return target.closest("button, a, summary, [tabindex], input") !== null;
}
