/** Invisible characters that change the visible text: their code points are shown wherever they could deceive. */
import type { Token } from "../ipc/bindings";

/**
 * Control characters, including bidirectional ones, zero-width characters and invisible fillers. Not included: line
 * breaks and tabs are layout, scripts and emoji need joiners, and Arabic number signs are visible.
 */
const CONTROLS =
	/(?![\t\n\f\r\u0600-\u0605\u06dd]|\u200c|\u200d)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0]|[\u{e0100}-\u{e01ef}]/gu;

/** Returns the code point in U+ notation, as in U+202E. */
export function codePointName(character: string): string {
	const code = character.codePointAt(0) ?? 0;
	return `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** Returns the text with each control character replaced by its code point. */
export function withVisibleControls(text: string): string {
	return text.replace(CONTROLS, codePointName);
}

/** Splits the text into tokens, one for each control character. */
export function splitControls(text: string): Token[] {
	const tokens: Token[] = [];
	let from = 0;
	for (const { index, 0: control } of text.matchAll(CONTROLS)) {
		if (index > from) tokens.push({ kind: "plain", text: text.slice(from, index) });
		tokens.push({ kind: "control", text: control });
		from = index + control.length;
	}
	if (from < text.length) tokens.push({ kind: "plain", text: text.slice(from) });
	return tokens;
}
