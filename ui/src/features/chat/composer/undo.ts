/**
 * Undo history of a field. The platform's own is of no use: WebKitGTK has no key for it, and it restores text
 * that the page has moved or sent meanwhile. Pure.
 */
import { joinTexts } from "./hand-over";

/** Maximum number of steps kept. */
const MAX_STEPS = 200;

/** A text, those before it, and those that were undone. */
export interface History {
	readonly past: readonly string[];
	readonly now: string;
	/** Next first. */
	readonly future: readonly string[];
	/** End of the last change, if a further letter there belongs to the same step. */
	readonly open: number | null;
}

/** Returns an empty history for a text. */
export function newHistory(text: string): History {
	return { past: [], now: text, future: [], open: null };
}

/**
 * Records a change of `from` to `to`. Typing on in a word is one step with it, and so is an IME composition. A
 * text that was changed by other means has no history.
 */
export function recordChange(
	known: History,
	from: string,
	to: string,
	composing: boolean,
): History {
	const history = known.now === from ? known : newHistory(from);
	if (from === to) return history;
	const { at, removed, added } = change(from, to);
	const letter = removed.length + added.length === 1;
	const isBroken = /\s/.test(added) || /\s/.test(removed);
	const goesOn = composing || (letter && at + removed.length === history.open);
	const past = goesOn && history.open !== null ? history.past : [...history.past, from];
	const end = at + added.length;
	return {
		past: past.slice(-MAX_STEPS),
		now: to,
		future: [],
		open: composing || (letter && !isBroken) ? end : null,
	};
}

/** Goes one step back; null if there is none. */
export function undoStep({ past, now, future }: History): History | null {
	const before = past.at(-1);
	if (before === undefined) return null;
	return { past: past.slice(0, -1), now: before, future: [now, ...future], open: null };
}

/** Goes one step forward; null if there is none. */
export function redoStep({ past, now, future }: History): History | null {
	const [after, ...rest] = future;
	if (after === undefined) return null;
	return { past: [...past, now], now: after, future: rest, open: null };
}

/** Joins the histories of two texts, the second of which was appended to the first. */
export function joinHistories(first: History, second: History): History {
	const behind = (text: string) => joinTexts(first.now, text);
	return {
		past: [...first.past, ...second.past.map(behind)].slice(-MAX_STEPS),
		now: behind(second.now),
		future: second.future.map(behind),
		open: null,
	};
}

/** Returns the caret position after a change: the end of the added text. */
export function endOfChange(from: string, to: string): number {
	const { at, added } = change(from, to);
	return at + added.length;
}

/** Returns where a change is, what it removed and what it added. */
function change(from: string, to: string): { at: number; removed: string; added: string } {
	const most = Math.min(from.length, to.length);
	let at = 0;
	while (at < most && from[at] === to[at]) at += 1;
	let same = 0;
	while (same < most - at && from.at(-1 - same) === to.at(-1 - same)) same += 1;
	return { at, removed: from.slice(at, from.length - same), added: to.slice(at, to.length - same) };
}
