/** Parses what the user has typed. Pure. */

/** The parsed value, or the error that the user has to fix. */
export type ParseResult<T> = { readonly value: T } | { readonly problem: string };

/** Parses a number with a decimal point or comma; null if invalid. */
export function parseNumber(text: string): number | null {
	const plain = text.trim().replace(",", ".");
	return /^[-+]?(\d+\.?\d*|\.\d+)$/.test(plain) ? Number(plain) : null;
}

/** Parses a whole number, ignoring spaces; null if invalid. */
export function parseWhole(text: string): number | null {
	const plain = text.replace(/\s/g, "");
	return /^\d+$/.test(plain) ? Number(plain) : null;
}
