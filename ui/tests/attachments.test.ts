import assert from "node:assert/strict";
import { test } from "node:test";
import { Attachments, readyFiles, withKept } from "../src/features/attachments/attachments";
import type { AttachmentSummary } from "../src/ipc/bindings";
import { NEW } from "../src/ipc/branch";
import { shortBytes, shortName } from "../src/shared/format";
import { commands, fakeCore, refusal } from "./core";

function summary(id: string): AttachmentSummary {
	return {
		id,
		name: `${id}.txt`,
		kind: "text",
		bytes: 1,
		tokens: 1,
		width: null,
		height: null,
		pages: null,
	};
}

/** Files whose content is their name. */
function files(...names: string[]): File[] {
	return names.map((name) => new File([name], name));
}

function scene(answers: Parameters<typeof fakeCore>[0] = {}) {
	const core = fakeCore({
		attach_file: ({ name }) => summary(String(name)),
		detach_file: () => null,
		...answers,
	});
	const refusals: string[] = [];
	const attachments = new Attachments(
		commands,
		async (file) => btoa(await file.text()),
		(reason) => refusals.push(reason),
	);
	const states = (id: string) => attachments.of(id).map((one) => one.state);
	const ids = (id: string) => readyFiles(attachments.of(id)).map((file) => file.id);
	return { core, attachments, refusals, states, ids };
}

test("files are read one after the other, in their order, for the composer they came to", async () => {
	const { core, attachments, states, ids } = scene();
	const first = attachments.add("c", files("a", "b"));
	const others = [attachments.add("c/fork", files("f")), attachments.add(NEW, files("n"))];
	assert.deepEqual(states("c"), ["reading", "reading"], "at once");
	assert.equal(attachments.isReading("c"), true);
	assert.deepEqual(await first, ["a", "b"]);
	await Promise.all(others);
	assert.deepEqual([ids("c"), ids("c/fork")], [["a", "b"], ["f"]]);
	assert.deepEqual(core.named("attach_file"), [
		{ conversationId: "c", branchId: null, name: "a", bytes: btoa("a") },
		{ conversationId: "c", branchId: null, name: "b", bytes: btoa("b") },
		{ conversationId: "c", branchId: "fork", name: "f", bytes: btoa("f") },
		{ conversationId: null, branchId: null, name: "n", bytes: btoa("n") },
	]);
});

test("a refused file stays with its reason until it is dismissed, and blocks none", async () => {
	const { attachments, states, ids } = scene({
		attach_file: ({ name }) =>
			name === "bad"
				? refusal("attachment_unreadable", "“bad” was not attached")()
				: summary("good"),
	});
	await attachments.add("c", files("bad", "good"));
	assert.deepEqual(states("c"), ["failed", "ready"]);
	const [failed] = attachments.of("c");
	assert.equal(failed?.state === "failed" && failed.reason, "“bad” was not attached");
	assert.deepEqual(ids("c"), ["good"]);
	await attachments.remove("c", failed?.key ?? "");
	assert.deepEqual(states("c"), ["ready"]);
});

test("what is too large is refused without being read", async () => {
	const { core, attachments } = scene();
	const huge = Object.defineProperty(new File([], "film.mp4"), "size", { value: 5e9 });
	await attachments.add("c", [huge]);
	const [failed] = attachments.of("c");
	assert.match(failed?.state === "failed" ? failed.reason : "", /film\.mp4.*20 MB/);
	assert.equal(core.named("attach_file").length, 0);
});

test("a message takes ten files, and says how many were left", async () => {
	const { attachments, refusals, ids } = scene();
	const names = Array.from({ length: 12 }, (_, n) => `f${n}`);
	await attachments.add("c", files(...names));
	assert.equal(ids("c").length, 10);
	assert.deepEqual(refusals, ["A message can have at most 10 files: the last 2 were not attached"]);
	await attachments.add("c", files("more"));
	assert.equal(refusals.length, 2);
});

test("a file that is taken away while it is read is not kept", async () => {
	const { core, attachments, states } = scene();
	const adding = attachments.add("c", files("a", "b"));
	const [a, b] = attachments.of("c");
	await attachments.remove("c", b?.key ?? "");
	// The first is already being sent to the core.
	await Promise.resolve();
	await attachments.remove("c", a?.key ?? "");
	await adding;
	assert.deepEqual(states("c"), []);
	const attached = core.named("attach_file").length;
	assert.equal(attached, 1, "the second was not even read");
	assert.equal(
		core.named("detach_file").length,
		attached,
		"what the core took, it was told to drop",
	);
});

test("stored attachments are restored once, before those attached since", async () => {
	const { attachments, ids } = scene({ draft_attachments: () => [summary("old")] });
	await attachments.add(NEW, files("new"));
	await attachments.restoreNew();
	assert.deepEqual(ids(NEW), ["old", "new"]);
	const [old] = attachments.of(NEW);
	await attachments.remove(NEW, old?.key ?? "");
	await attachments.restoreNew();
	assert.deepEqual(ids(NEW), ["new"], "and not again");
	attachments.restore("c", [summary("kept")]);
	attachments.sent("c", ["kept"]);
	attachments.restore("c", [summary("kept")]);
	assert.deepEqual(ids("c"), [], "nor by an older reading of its conversation");
	assert.equal(withKept(attachments.of(NEW), [summary("new")]).length, 1, "nothing twice");
});

test("what was sent is taken out, and what was not stays", async () => {
	const { attachments, ids } = scene();
	await attachments.add("c", files("sent", "later"));
	attachments.sent("c", ["sent"]);
	assert.deepEqual(ids("c"), ["later"]);
});

test("what another window sent is taken out, and refusals stay until they are seen", async () => {
	const { attachments, ids, states } = scene({
		attach_file: ({ name }) =>
			name === "bad" ? refusal("attachment_unreadable", "bad")() : summary(String(name)),
	});
	await attachments.add("c", files("there", "bad", "here"));
	attachments.sentAnywhere("c", ["other", "there"]);
	assert.deepEqual([ids("c"), states("c")], [["here"], ["failed", "ready"]]);
	attachments.sent("c", ["here"]);
	assert.deepEqual(states("c"), []);
});

test("files move to the conversation that their message creates, or stay where it refuses", async () => {
	const { core, attachments, ids } = scene({ adopt_attachments: () => null });
	await attachments.add(NEW, files("a"));
	await attachments.adopt("c");
	assert.deepEqual([ids(NEW), ids("c")], [[], ["a"]]);
	assert.deepEqual(core.named("adopt_attachments"), [
		{ conversationId: "c", attachmentIds: ["a"] },
	]);

	const refused = scene({ adopt_attachments: refusal("attachment_gone", "gone") });
	await refused.attachments.add(NEW, files("a"));
	await assert.rejects(refused.attachments.adopt("c"));
	assert.deepEqual([refused.ids(NEW), refused.ids("c")], [["a"], []]);
});

test("a long name keeps its end, and a size is abbreviated", () => {
	assert.equal(shortName("notes.txt"), "notes.txt");
	assert.equal(shortName("a very long name of a report 2026.pdf"), "a very long nam…t 2026.pdf");
	assert.deepEqual([1, 812, 12_340, 999_600, 1_400_000].map(shortBytes), [
		"1 byte",
		"812 bytes",
		"12 kB",
		"1 MB",
		"1.4 MB",
	]);
});

test("files that were copied elsewhere are attached by their addresses, one after the other", async () => {
	const { core, attachments, states, ids } = scene({
		attach_copied_file: ({ uri }) =>
			uri === "file:///b"
				? refusal("clipboard_changed", "“b” is not on the clipboard any more")()
				: summary(String(uri)),
	});
	const added = attachments.addCopied("c", ["file:///a%20b", "file:///b", "file:///c"]);
	assert.deepEqual(
		attachments.of("c").map((one) => (one.state === "ready" ? null : one.name)),
		["a b", "b", "c"],
	);
	assert.deepEqual(await added, ["file:///a%20b", "file:///c"]);
	assert.deepEqual(states("c"), ["ready", "failed", "ready"]);
	assert.deepEqual(ids("c"), ["file:///a%20b", "file:///c"]);
	assert.deepEqual(core.named("attach_copied_file")[0], {
		conversationId: "c",
		branchId: null,
		uri: "file:///a%20b",
	});
});
