import assert from "node:assert/strict";
import { test } from "node:test";
import { computed, signal } from "@preact/signals-core";
import { isLong, LongPaste } from "../src/features/attachments/long-paste";

const LONG = "a line\n".repeat(50);

function scene(attached: string | null = "key") {
	const branch = signal("c");
	const texts = signal<Record<string, string>>({ c: "" });
	const files = signal<string[]>([]);
	const target = {
		branch,
		draft: computed(() => texts.value[branch.value] ?? ""),
		type: (text: string) => {
			texts.value = { ...texts.value, [branch.value]: text };
		},
		attach: async () => {
			if (attached !== null) files.value = [...files.value, attached];
			return attached;
		},
		detach: (_: string, key: string) => {
			files.value = files.value.filter((file) => file !== key);
		},
		isAttached: (_: string, key: string) => files.value.includes(key),
	};
	return { target, branch, files, paste: new LongPaste(target) };
}

test("only a long text is offered to be a file, and nothing happens by itself", () => {
	const { target, paste } = scene();
	target.type("short");
	paste.pasted("short");
	assert.equal(paste.offered.value, null);
	target.type(`See ${LONG}`);
	paste.pasted(LONG.replaceAll("\n", "\r\n"));
	assert.equal(paste.offered.value, "attach");
	assert.equal(target.draft.value, `See ${LONG}`);
	assert.deepEqual([isLong("x".repeat(2001)), isLong("x".repeat(2000))], [true, false]);
});

test("the text becomes a file, what was typed around it stays, and back", async () => {
	const { target, files, paste } = scene();
	target.type(`See ${LONG}, please`);
	paste.pasted(LONG);
	await paste.accept();
	assert.deepEqual([target.draft.value, files.value], ["See , please", ["key"]]);
	assert.equal(paste.offered.value, "putBack");
	await paste.accept();
	assert.deepEqual([target.draft.value, files.value], [`See ${LONG}, please`, []]);
	assert.equal(paste.offered.value, null);
});

test("where the file is refused the text stays", async () => {
	const { target, paste } = scene(null);
	target.type(LONG);
	paste.pasted(LONG);
	await paste.accept();
	assert.equal(target.draft.value, LONG);
});

test("an offer is for what stands there, in its conversation", async () => {
	const { target, branch, files, paste } = scene();
	target.type(LONG);
	paste.pasted(LONG);
	branch.value = "other";
	target.type(LONG);
	assert.equal(paste.offered.value, null);
	branch.value = "c";
	target.type(LONG.slice(1));
	assert.equal(paste.offered.value, null, "it was changed");
	target.type(LONG);
	await paste.accept();
	files.value = [];
	assert.equal(paste.offered.value, null, "it was sent, or taken away");
});
