import assert from "node:assert/strict";
import { test } from "node:test";
import { Recovery } from "../src/features/recovery/recovery";
import type { ErrorCode } from "../src/ipc/bindings";
import { commands, fakeCore, refusal } from "./core";

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

const SAVED = { folder: "/data/saved/x", conversations: 2, messages: 40, unreadable: 1 };

test("salvaged data is saved, reported and offered", async () => {
	const core = fakeCore({ save_readable: () => SAVED });
	const recovery = new Recovery(commands);
	const saving = recovery.save();
	assert.equal(recovery.working.value, "Saving what can be read…");
	await recovery.save();
	await saving;
	assert.equal(core.named("save_readable").length, 1, "one at a time");
	assert.equal(recovery.working.value, null);
	assert.equal(recovery.isSaved.value, true);
	assert.match(recovery.outcome.value, /40 messages from 2 conversations to \/data\/saved\/x/);
	assert.match(recovery.outcome.value, /1 part could not be read/);
});

test("a failed recovery option shows why, and the others stay", async () => {
	fakeCore({ start_with_backup: refusal("recovery_failed", "Close the other Conch first") });
	const recovery = new Recovery(commands);
	await recovery.startWithBackup("conch-2027.db");
	assert.equal(recovery.outcome.value, "Close the other Conch first");
	assert.equal(recovery.isBusy.value, false);
});
