/**
 * What a paste brings: text, which the field takes by itself, or files. WebKitGTK says nothing of files
 * in the event, and has them in the clipboard as long as the event lasts.
 */

export interface Pasted {
	readonly files: readonly File[];
	/** Files of this machine, as `file:` addresses. */
	readonly uris: readonly string[];
}

/** What is pasted as text: a spreadsheet's cells come with a picture of themselves. */
export function isText(data: DataTransfer): boolean {
	if (data.getData("text/plain") === "") return false;
	const html = data.getData("text/html");
	return html === "" ? data.files.length === 0 : !isPicture(html);
}

/** A picture that was copied in a browser comes with its element, and perhaps with its address. */
function isPicture(html: string): boolean {
	const words = html
		.replace(/<!--.*?-->|<(style|title)\b.*?<\/\1>|<[^>]*>/gis, "")
		.replaceAll("&nbsp;", "");
	return /<img\b/i.test(html) && words.trim() === "";
}

/**
 * The files of a paste that is no text. Call it in the event's own task: later, the clipboard is closed.
 * Resolves to nothing where there is nothing that can be read. `copiedFiles` resolves to the addresses of the
 * files on the clipboard, of which WebKitGTK gives the page the first only.
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
		// An empty clipboard is a refusal too.
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
	// A file that is a picture may come as both.
	const listed = items.some((item) => item.types.includes("text/uri-list"));
	const uris = listed ? await copiedFiles() : [];
	return uris.length > 0 ? { files: [], uris } : { files, uris };
}

/** What a file is called, by its address. */
export function nameOf(uri: string): string {
	const last = uri.split("/").at(-1) ?? uri;
	try {
		return decodeURIComponent(last);
	} catch {
		return last;
	}
}
