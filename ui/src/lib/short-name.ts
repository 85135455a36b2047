/** The longest name that is shown whole, in characters. */
const MAX_LENGTH = 26;

/** So many of its last characters are kept: what tells files of one name apart, and the extension. */
const END = 10;

/** A file's name with its middle left out where it is long: pure. */
export function shortName(name: string): string {
	const characters = [...name];
	if (characters.length <= MAX_LENGTH) return name;
	const begin = characters.slice(0, MAX_LENGTH - END - 1).join("");
	return `${begin}…${characters.slice(-END).join("")}`;
}
