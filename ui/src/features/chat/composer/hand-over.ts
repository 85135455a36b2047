/**
 * The two fields of the composer. While an answer is pending, the user types into a separate field, whose text
 * is appended to the message field when that is free again. No field changes during an IME composition. Pure.
 */

/** `message` is `#chat-input`, `next` is `#next-input`. */
export type Field = "message" | "next";

export interface FieldState {
	/** The active field, which receives keystrokes. */
	readonly field: Field;
	/** A send would be refused. */
	readonly busy: boolean;
	/** An IME composition is active in the field. */
	readonly composing: boolean;
}

export const FREE: FieldState = { field: "message", busy: false, composing: false };

/** Returns the state after a change; a composition keeps its field until it ends. */
export function nextFieldState(
	state: FieldState,
	news: Partial<Omit<FieldState, "field">>,
): FieldState {
	const { busy, composing } = { ...state, ...news };
	const wanted = busy ? "next" : "message";
	return { busy, composing, field: composing ? state.field : wanted };
}

/** Appends what was typed later to what was typed before, on a new line. */
export function joinTexts(textBefore: string, after: string): string {
	return textBefore === "" || after === "" ? textBefore + after : `${textBefore}\n${after}`;
}

/** Returns what precedes `next` in a text that was joined with it; null if it was not. */
export function textBefore(text: string, next: string): string | null {
	if (next === "" || !text.endsWith(next)) return null;
	const rest = text.slice(0, text.length - next.length);
	if (rest === "") return "";
	return rest.endsWith("\n") ? rest.slice(0, -1) : null;
}

/** The selection in a field: its start, its end, and which of them moves. */
export interface Selection {
	readonly start: number;
	readonly end: number;
	readonly direction: "forward" | "backward" | "none";
}

/** Returns the selection after text was prepended; the end if it is another text. */
export function shiftSelection(selection: Selection, from: string, to: string): Selection {
	if (!to.endsWith(from)) return { start: to.length, end: to.length, direction: "none" };
	const by = to.length - from.length;
	return { ...selection, start: selection.start + by, end: selection.end + by };
}
