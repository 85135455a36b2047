/**
 * Recalls sent messages, as shells do: from an empty input to the newest message, on to older ones, and back to
 * the original text. It ends as soon as something is typed. Pure.
 */
import type { Message } from "../../../ipc/bindings";

/** A recalled text and its position. */
export interface Recall {
	/** Texts that can be recalled, newest first. */
	readonly sent: readonly string[];
	/** Index of the shown one. */
	readonly at: number;
	/** The original text of the input. */
	readonly before: string;
}

/** The input after a step; `recall` is null if it shows the original text. */
export interface Step {
	readonly recall: Recall | null;
	readonly text: string;
}

/** Returns the user's messages, newest first, without consecutive duplicates. */
export function sentTexts(messages: readonly Message[]): string[] {
	const texts = messages
		.filter((message) => message.role === "user")
		.map((message) => message.content)
		.reverse();
	return texts.filter((text, index) => text !== texts[index - 1]);
}

/** Returns whether the input still shows the recalled text: typing ends the recall. */
export function isRecalled(recall: Recall | null, text: string): recall is Recall {
	return recall !== null && recall.sent[recall.at] === text;
}

/** Returns whether an older text may be recalled: never in place of what was typed. */
export function mayGoBack(recall: Recall | null, text: string): boolean {
	return text.trim() === "" || isRecalled(recall, text);
}

/** Goes one step back in `sent`, which may have grown at its end; null if nothing is there. */
export function older(recall: Recall | null, text: string, sent: readonly string[]): Step | null {
	if (!mayGoBack(recall, text)) return null;
	const [at, before] = isRecalled(recall, text) ? [recall.at + 1, recall.before] : [0, text];
	const next = sent[at];
	return next === undefined ? null : { recall: { sent, at, before }, text: next };
}

/** Goes one step forward; null if nothing is recalled. */
export function newer(recall: Recall | null, text: string): Step | null {
	if (!isRecalled(recall, text)) return null;
	const at = recall.at - 1;
	const next = recall.sent[at];
	if (next === undefined) return { recall: null, text: recall.before };
	return { recall: { ...recall, at }, text: next };
}
