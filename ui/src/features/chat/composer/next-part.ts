/**
 * Which part of a draft is in the field for the next message: kept in `sessionStorage`, so that a reload in
 * mid-word continues in the same field. The core stores the text as part of the draft.
 */

const name = (id: string) => `next:${id}`;

export function rememberNextPart(id: string, text: string): void {
	try {
		if (text === "") sessionStorage.removeItem(name(id));
		else sessionStorage.setItem(name(id), text);
	} catch {
		// Without it, the whole draft is in one field.
	}
}

/** Returns an empty text if nothing is stored. */
export function rememberedNextPart(id: string): string {
	try {
		return sessionStorage.getItem(name(id)) ?? "";
	} catch {
		return "";
	}
}
