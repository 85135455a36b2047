/** Maximum length of a name shown in full, in characters. */
const MAX_LENGTH = 26;

/** Number of trailing characters kept: what distinguishes similar names, and the extension. */
const END = 10;

/** Shortens a long file name in its middle. Pure. */
export function shortName(name: string): string {
	const characters = [...name];
	if (characters.length <= MAX_LENGTH) return name;
	const begin = characters.slice(0, MAX_LENGTH - END - 1).join("");
	return `${begin}…${characters.slice(-END).join("")}`;
}
