/** The longest name that is shown whole, in characters. */
const LONGEST = 26;

/** So many of its last characters are kept: what tells files of one name apart, and the extension. */
const END = 10;

/** A file's name with its middle left out where it is long: pure. */
export function shortName(name: string): string {
	const characters = [...name];
	if (characters.length <= LONGEST) return name;
	const begin = characters.slice(0, LONGEST - END - 1).join("");
	return `${begin}…${characters.slice(-END).join("")}`;
}
