/**
 * The two fields of the composer. While an answer is asked for or written, what is typed goes to a
 * field of its own, and comes behind what stood in the message's when that is free again. No field is
 * changed while an input method composes in it. Pure.
 */

/** `message` is `#chat-input`, `next` is `#next-input`. */
export type Field = "message" | "next";

export interface FieldState {
	/** What takes what is typed. */
	readonly field: Field;
	/** A send would be refused. */
	readonly busy: boolean;
	/** An input method composes in the field. */
	readonly composing: boolean;
}

export const FREE: FieldState = { field: "message", busy: false, composing: false };

/** With what is known now; a composition holds the field until it ends. */
export function nextFieldState(
	state: FieldState,
	news: Partial<Omit<FieldState, "field">>,
): FieldState {
	const { busy, composing } = { ...state, ...news };
	const wanted = busy ? "next" : "message";
	return { busy, composing, field: composing ? state.field : wanted };
}

/** What was typed later, behind what was typed before it, on a line of its own. */
export function joinTexts(textBefore: string, after: string): string {
	return textBefore === "" || after === "" ? textBefore + after : `${textBefore}\n${after}`;
}

/** What stands before `next` in a text that was joined with it; null where it was not. */
export function textBefore(text: string, next: string): string | null {
	if (next === "" || !text.endsWith(next)) return null;
	const rest = text.slice(0, text.length - next.length);
	if (rest === "") return "";
	return rest.endsWith("\n") ? rest.slice(0, -1) : null;
}

/** What is selected in a field: where it begins and ends, and which of them moves. */
export interface Selection {
	readonly start: number;
	readonly end: number;
	readonly direction: "forward" | "backward" | "none";
}

/** The same selection, after a text was put before its own; the end where it is another text. */
export function shiftSelection(selection: Selection, from: string, to: string): Selection {
	if (!to.endsWith(from)) return { start: to.length, end: to.length, direction: "none" };
	const by = to.length - from.length;
	return { ...selection, start: selection.start + by, end: selection.end + by };
}
