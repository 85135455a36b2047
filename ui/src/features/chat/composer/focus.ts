/**
 * Focus of the composer: the active field, which receives keystrokes, is the message's, or the one for the next
 * message while an answer is pending. When a render replaces one with the other, focus and selection move in the
 * same task, so that no keystroke comes in between.
 */

import { hasNoFocus } from "../../../shared/dom";
import { type Selection, shiftSelection } from "./hand-over";

/**
 * How long after `compositionend` its text may still be inserted, in ms: WebKitGTK uses a separate key press for
 * it.
 */
const COMMIT = 50;

export interface ComposerFocus {
	/** Focuses the active field. */
	focusField(): void;
	/** Call before the composer is rendered. */
	beforeRender(): void;
	/** Call after the composer was rendered. */
	afterRender(): void;
	/** Returns the active field, which receives keystrokes. */
	field(): HTMLTextAreaElement;
}

/** The active field before a render. */
interface Before {
	readonly field: HTMLTextAreaElement;
	readonly text: string;
	readonly selection: Selection;
	/** Keystrokes go to it. */
	readonly isUsed: boolean;
}

/** Manages the composer's focus. Calls `compose` when an IME composition in a field starts and ends. */
export function keepFocus(
	composer: HTMLElement,
	compose: (composing: boolean) => void,
): ComposerFocus {
	const field = () => {
		const find = (id: string) => composer.querySelector<HTMLTextAreaElement>(`#${id}`);
		const found = find("next-input") ?? find("chat-input");
		if (found === null) throw new Error("the composer is not rendered yet");
		return found;
	};
	let drawn: Before | null = null;
	let composes = false;

	const composition = (on: boolean) => {
		composes = on;
		if (on) compose(true);
		else setTimeout(() => composes || compose(false), COMMIT);
	};
	composer.addEventListener("compositionstart", () => composition(true));
	composer.addEventListener("compositionend", () => composition(false));
	// Losing the focus ends a composition, even without `compositionend`.
	composer.addEventListener("focusout", () => composes && composition(false));
	// A press elsewhere in the composer leaves the focus in its field, where the user types next.
	composer.addEventListener("mousedown", (event) => {
		const pressed = event.target as Element;
		if (event.button !== 0 || composes || pressed.closest("textarea") !== null) return;
		// The file list is scrolled by dragging.
		if (pressed.closest("button") === null && pressed.closest(".files") !== null) return;
		event.preventDefault();
		if (!composer.contains(document.activeElement)) focus.focusField();
	});

	const focus: ComposerFocus = {
		field,
		focusField: () => field().focus(),
		beforeRender() {
			if (composer.childElementCount === 0) return;
			const used = field();
			const { selectionStart: start, selectionEnd: end, selectionDirection: direction } = used;
			const selection = { start, end, direction };
			drawn = { field: used, text: used.value, selection, isUsed: isUsed(used) };
		},
		afterRender() {
			if (drawn === null) return;
			const { field: was, text, selection, isUsed } = drawn;
			drawn = null;
			const now = field();
			if (now === was && now.value === text) return;
			if (now !== was && isUsed) now.focus();
			if (document.activeElement !== now) return;
			// Nothing was typed meanwhile: the message field has kept its own selection.
			if (now !== was && now.id === "chat-input" && text === "") return;
			const { start, end, direction } = shiftSelection(selection, text, now.value);
			now.setSelectionRange(start, end, direction);
		},
	};
	return focus;
}

/** Focuses an element that had the focus before; one in the composer may be gone or disabled, then another there. */
export function returnFocus(composer: HTMLElement, back: Element | null): void {
	if (back instanceof HTMLElement && !composer.contains(back)) back.focus();
	if (document.activeElement === back) return;
	const input = composer.querySelector<HTMLTextAreaElement>("#chat-input");
	const usable = input?.disabled ? composer.querySelector<HTMLElement>("#send-button") : input;
	usable?.focus();
}

/** Returns whether keystrokes go to this field, or would if its text were not being sent. */
function isUsed(field: HTMLTextAreaElement): boolean {
	const active = document.activeElement;
	if (active === field) return true;
	if (field.id === "next-input") return false;
	// Send has the focus if a key pressed it; no element has it after a click on empty space.
	const isFree = hasNoFocus() && (document.getSelection()?.isCollapsed ?? true);
	return isFree || active?.id === "send-button";
}
