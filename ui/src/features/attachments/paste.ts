/**
 * Content of a paste: text, which the field inserts itself, or files. WebKitGTK does not list files in the
 * event, and has them on the clipboard only while the event lasts.
 */

export interface Pasted {
	readonly files: readonly File[];
	/** Local files, as `file:` URLs. */
	readonly uris: readonly string[];
}

/** Returns whether a paste is inserted as text: spreadsheet cells come with an image of themselves. */
export function isText(data: DataTransfer): boolean {
	if (data.getData("text/plain") === "") return false;
	const html = data.getData("text/html");
	return html === "" ? data.files.length === 0 : !isPicture(html);
}

/** Returns whether HTML is only an image: one copied in a browser comes as its element, perhaps with its URL. */
function isPicture(html: string): boolean {
	const words = html
		.replace(/<!--.*?-->|<(style|title)\b.*?<\/\1>|<[^>]*>/gis, "")
		.replaceAll("&nbsp;", "");
	return /<img\b/i.test(html) && words.trim() === "";
}

/**
 * Reads the files of a paste that is not text. Call it in the event's own task: later, the clipboard is closed.
 * Resolves to empty lists if nothing can be read. `copiedFiles` resolves to the URLs of the files on the
 * clipboard, of which WebKitGTK exposes only the first to the page.
 */
export async function pastedFiles(
	data: DataTransfer,
	clipboard: Clipboard,
	copiedFiles: () => Promise<string[]>,
): Promise<Pasted> {
	const files = [...data.files];
	if (files.length > 0) return { files, uris: [] };
	try {
		return await copied(await clipboard.read(), copiedFiles);
	} catch {
		// Reading an empty clipboard rejects, too.
		return { files: [], uris: [] };
	}
}

async function copied(
	items: readonly ClipboardItem[],
	copiedFiles: () => Promise<string[]>,
): Promise<Pasted> {
	const files: File[] = [];
	for (const item of items) {
		if (item.types.includes("image/png")) {
			const picture = await item.getType("image/png");
			files.push(new File([picture], "Pasted image.png", { type: "image/png" }));
		}
	}
	// An image file may come as both.
	const listed = items.some((item) => item.types.includes("text/uri-list"));
	const uris = listed ? await copiedFiles() : [];
	return uris.length > 0 ? { files: [], uris } : { files, uris };
}

/** Returns the file name in a URL. */
export function nameOf(uri: string): string {
	const last = uri.split("/").at(-1) ?? uri;
	try {
		return decodeURIComponent(last);
	} catch {
		return last;
	}
}
