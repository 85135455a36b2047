/**
 * Which part of a draft stands in the field for the next message: kept by the window itself, so that a
 * reload in mid-word goes on in the same field. The text is in the core, as part of the draft.
 */

const name = (id: string) => `next:${id}`;

export function rememberNextPart(id: string, text: string): void {
	try {
		if (text === "") sessionStorage.removeItem(name(id));
		else sessionStorage.setItem(name(id), text);
	} catch {
		// Without it, all of the draft stands in one field.
	}
}

/** Empty where nothing was remembered. */
export function rememberedNextPart(id: string): string {
	try {
		return sessionStorage.getItem(name(id)) ?? "";
	} catch {
		return "";
	}
}
