/**
 * Bringing back what was sent, as shells do: from an empty input to the newest message, on to older
 * ones, and back to what was there before. It ends as soon as something is typed. Pure.
 */
import type { Message } from "../ipc/bindings";

/** What was brought back, and from where. */
export interface Recall {
	/** What can be brought back, newest first. */
	readonly sent: readonly string[];
	/** Which of it is shown. */
	readonly at: number;
	/** What stood there before. */
	readonly before: string;
}

/** What stands in the input after a step; `recall` is null where it is what stood there before. */
export interface Step {
	readonly recall: Recall | null;
	readonly text: string;
}

/** The user's messages, newest first, without one that only repeats the one before it. */
export function sentTexts(messages: readonly Message[]): string[] {
	const texts = messages
		.filter((message) => message.role === "user")
		.map((message) => message.content)
		.reverse();
	return texts.filter((text, index) => text !== texts[index - 1]);
}

/** Whether the input still shows what was brought back: something typed has ended it. */
export function isRecalled(recall: Recall | null, text: string): recall is Recall {
	return recall !== null && recall.sent[recall.at] === text;
}

/** Whether there may be something to bring back, or an older one: never in place of what was typed. */
export function mayGoBack(recall: Recall | null, text: string): boolean {
	return text.trim() === "" || isRecalled(recall, text);
}

/** One further back in `sent`, which may have grown at its end; null where nothing is. */
export function older(recall: Recall | null, text: string, sent: readonly string[]): Step | null {
	if (!mayGoBack(recall, text)) return null;
	const [at, before] = isRecalled(recall, text) ? [recall.at + 1, recall.before] : [0, text];
	const next = sent[at];
	return next === undefined ? null : { recall: { sent, at, before }, text: next };
}

/** One further on; null where nothing was brought back. */
export function newer(recall: Recall | null, text: string): Step | null {
	if (!isRecalled(recall, text)) return null;
	const at = recall.at - 1;
	const next = recall.sent[at];
	if (next === undefined) return { recall: null, text: recall.before };
	return { recall: { ...recall, at }, text: next };
}
