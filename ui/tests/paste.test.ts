import assert from "node:assert/strict";
import { test } from "node:test";
import { isText, nameOf, pastedFiles } from "../src/features/attachments/paste";

/** The data of a paste event, by type. */
function data(texts: Record<string, string>, files: File[] = []): DataTransfer {
	const transfer = { getData: (type: string) => texts[type] ?? "", files };
	return transfer as unknown as DataTransfer;
}

/** A clipboard with one item, or, for null, one that denies access. */
function clipboard(parts: Record<string, string> | null): Clipboard {
	const item = {
		types: Object.keys(parts ?? {}),
		getType: async (type: string) => new Blob([parts?.[type] ?? ""], { type }),
	};
	const read = async () => {
		if (parts === null) throw new DOMException("", "NotAllowedError");
		return [item];
	};
	return { read } as unknown as Clipboard;
}

const PICTURE =
	'<meta charset="utf-8"><!--StartFragment--><img src="https://a.example/b.png" alt="">';

test("text is pasted as text, also where a picture of it comes along", () => {
	const plain = { "text/plain": "hello" };
	assert.equal(isText(data(plain)), true);
	const cells = {
		...plain,
		"text/html": "<style>td { color: red }</style><table><td>1</td></table>",
	};
	assert.equal(isText(data(cells, [new File(["x"], "image.png")])), true);
	assert.equal(isText(data({ ...plain, "text/html": "<img src=a> with words" })), true);
});

test("a picture of a browser is one, also where its address comes along", () => {
	assert.equal(isText(data({ "text/html": PICTURE })), false);
	const address = { "text/plain": "https://a.example/b.png", "text/html": PICTURE };
	assert.equal(isText(data(address)), false);
	assert.equal(isText(data({})), false);
	assert.equal(isText(data({ "text/plain": "a.png" }, [new File(["x"], "a.png")])), false);
});

test("a PNG and copied files are read from the clipboard, and nothing else", async () => {
	const onDisk = ["file:///tmp/a%20b.png", "file:///tmp/c"];
	const paste = (from: Clipboard) => pastedFiles(data({}), from, async () => onDisk);
	const { files, uris } = await paste(clipboard({ "image/png": "bytes" }));
	assert.deepEqual([files.length, files[0]?.name, uris], [1, "Pasted image.png", []]);
	assert.equal(await files[0]?.text(), "bytes");
	// What WebKitGTK returns for several copied files.
	const first = { "text/uri-list": "file:///tmp/a%20b.png", "image/png": "p" };
	assert.deepEqual(await paste(clipboard(first)), { files: [], uris: onDisk });
	for (const none of [clipboard({ "image/jpeg": "j" }), clipboard({}), clipboard(null)]) {
		assert.deepEqual(await paste(none), { files: [], uris: [] });
	}
});

test("where the event has the files, they are these", async () => {
	const file = new File(["x"], "a.txt");
	const { files } = await pastedFiles(data({}, [file]), clipboard(null), async () => []);
	assert.deepEqual(files, [file]);
});

test("a copied file is called as it is on the disk", () => {
	assert.equal(nameOf("file:///tmp/a%20b.png"), "a b.png");
	assert.equal(nameOf("file:///tmp/100%.txt"), "100%.txt");
});
