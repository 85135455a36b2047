/** Characters that are not seen but change what is: they are named wherever they could deceive. */
import type { Token } from "../ipc/bindings";

/**
 * Controls, bidirectional ones too, and what has no width or only takes room. Line breaks and tabs are
 * layout, joiners are needed by scripts and emoji, and Arabic signs of numbers are seen.
 */
const CONTROLS =
	/(?![\t\n\f\r\u0600-\u0605\u06dd]|\u200c|\u200d)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0]|[\u{e0100}-\u{e01ef}]/gu;

/** As in U+202E. */
export function codePointName(character: string): string {
	const code = character.codePointAt(0) ?? 0;
	return `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** The text with its controls said by their names. */
export function withVisibleControls(text: string): string {
	return text.replace(CONTROLS, codePointName);
}

/** The text with its controls as tokens of their own. */
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
