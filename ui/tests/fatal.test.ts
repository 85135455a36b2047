import assert from "node:assert/strict";
import { test } from "node:test";
import type { ErrorCode } from "../src/ipc/bindings";
import { commands, fakeCore } from "./core";

// Not bundled with the tests: it is too large, and not made for it.
const load = (name: string): Promise<typeof import("happy-dom")> => import(name);
const { Window } = await load("happy-dom");
const page = new Window();
const { document, Element, Node, HTMLElement, Text, Comment } = page;
Object.assign(globalThis, { window: page, document, Element, Node, HTMLElement, Text, Comment });
// lit needs the document when it is loaded.
const { showFatal } = await import("../src/features/recovery/page");

/** Returns the labels of the recovery actions after a start that failed with `code`. */
async function offered(code: ErrorCode) {
	const core = fakeCore({
		ways_on: () => ({
			backups: [{ name: "one", madeAt: 0 }],
			hasDatabase: true,
			folder: "/data",
		}),
		open_data_folder: () => null,
	});
	document.body.removeAttribute("data-fatal");
	showFatal({ code, message: "It cannot be opened" }, commands);
	await new Promise(setImmediate);
	const buttons = [...document.querySelectorAll("#fatal > div > .recovery-actions button")];
	const labels = buttons.map((button) => button.textContent?.replace(/ of .*/, ""));
	(document.querySelector("#open-data-folder") as unknown as HTMLElement).click();
	await new Promise(setImmediate);
	assert.equal(core.named("open_data_folder").length, 1, code);
	return labels;
}

test("a start that fails offers the folder, and another database where that helps", async () => {
	for (const code of ["internal", "database_corrupt", "not_a_database"] as const) {
		const all = ["Start with the backup", "Save what can be read", "Open the folder"];
		assert.deepEqual(await offered(code), all, code);
	}
	for (const code of ["disk_full", "database_newer", "data_folder_shared"] as const) {
		assert.deepEqual(await offered(code), ["Open the folder"], code);
		assert.match(document.body.textContent ?? "", /restart Conch/);
	}
});
