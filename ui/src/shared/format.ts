/** Formats numbers and names for the user. Pure. */

/** Formats a number of tokens as model vendors do: 128k, 1M. */
export function shortTokens(tokens: number): string {
	if (tokens < 1000) return String(tokens);
	// 131072 is called 128k, and so is 128000.
	const isBinary = tokens % 1024 === 0 && tokens % 1000 !== 0;
	const k = tokens / (isBinary ? 1024 : 1000);
	const [size, unit] = k < 1000 ? [k, "k"] : [k / (isBinary ? 1024 : 1000), "M"];
	return `${Math.round(size * 10) / 10}${unit}`;
}

/** Formats a count with its noun: 1 model, 2 models, 2 branches. */
export function count(number: number, noun: string, plural = `${noun}s`): string {
	return `${number} ${number === 1 ? noun : plural}`;
}

/** Formats a file size: 812 bytes, 12 kB, 1.4 MB, 5.2 GB. */
export function shortBytes(bytes: number): string {
	if (bytes < 1000) return count(bytes, "byte");
	const kilobytes = Math.round(bytes / 1000);
	if (kilobytes < 1000) return `${kilobytes} kB`;
	const megabytes = Math.round(bytes / 100_000) / 10;
	if (megabytes < 1000) return `${megabytes} MB`;
	return `${Math.round(bytes / 100_000_000) / 10} GB`;
}

/** Maximum length of a name shown in full, in characters. */
const MAX_NAME = 26;

/** Number of trailing characters kept: what distinguishes similar names, and the extension. */
const NAME_END = 10;

/** Shortens a long file name in its middle. */
export function shortName(name: string): string {
	const characters = [...name];
	if (characters.length <= MAX_NAME) return name;
	const begin = characters.slice(0, MAX_NAME - NAME_END - 1).join("");
	return `${begin}…${characters.slice(-NAME_END).join("")}`;
}
