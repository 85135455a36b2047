/**
 * Who takes what is typed: the message's field, and the one for the next message while the first waits
 * for an answer. When a drawing puts one in the other's place, the focus and the selection go over in
 * the same task, so that no key comes in between.
 */
import { type Selection, shiftSelection } from "../state/hand-over";
import { hasNoFocus } from "./mount";

/** How long after its end a composition's text may be put in, in ms: WebKitGTK does so by a press of its own. */
const COMMIT = 50;

export interface ComposerFocus {
	/** Has the field that takes what is typed take the focus. */
	focusField(): void;
	/** Call it before the composer is drawn. */
	beforeRender(): void;
	/** Call it when the composer was drawn. */
	afterRender(): void;
	/** The field that takes what is typed. */
	field(): HTMLTextAreaElement;
}

/** A field before a drawing. */
interface Before {
	readonly field: HTMLTextAreaElement;
	readonly text: string;
	readonly selection: Selection;
	/** What is typed comes here. */
	readonly isUsed: boolean;
}

/** `compose` is told when an input method begins to compose in a field, and when it has ended. */
export function keepFocus(
	composer: HTMLElement,
	compose: (composing: boolean) => void,
): ComposerFocus {
	const field = () => {
		const find = (id: string) => composer.querySelector<HTMLTextAreaElement>(`#${id}`);
		const found = find("next-input") ?? find("chat-input");
		if (found === null) throw new Error("the composer was not drawn yet");
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
	// Whatever takes the focus away ends it, also where nothing says so.
	composer.addEventListener("focusout", () => composes && composition(false));
	// A press beside the fields leaves them the focus: what is typed next comes there.
	composer.addEventListener("mousedown", (event) => {
		const pressed = event.target as Element;
		if (event.button !== 0 || composes || pressed.closest("textarea") !== null) return;
		// What scrolls is dragged there.
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
			// Nothing was typed meanwhile: the message's field has kept its own selection.
			if (now !== was && now.id === "chat-input" && text === "") return;
			const { start, end, direction } = shiftSelection(selection, text, now.value);
			now.setSelectionRange(start, end, direction);
		},
	};
	return focus;
}

/** Whether what is typed now comes to this field, or would if it were not sent just now. */
function isUsed(field: HTMLTextAreaElement): boolean {
	const active = document.activeElement;
	if (active === field) return true;
	if (field.id === "next-input") return false;
	// Send has the focus where a key pressed it, and nobody where a press beside everything took it.
	const isFree = hasNoFocus() && (document.getSelection()?.isCollapsed ?? true);
	return isFree || active?.id === "send-button";
}
