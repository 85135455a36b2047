import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Deletions } from "../src/features/sidebar/deletions";
import { Toasts } from "../src/features/toasts/toasts";
import { yieldToBrowser } from "../src/shared/time";
import { commands, fakeCore, refusal } from "./core";

function scene(answers: Parameters<typeof fakeCore>[0] = {}) {
	const core = fakeCore({
		delete_conversation: () => null,
		restore_conversation: () => null,
		...answers,
	});
	const toasts = new Toasts();
	const shown: string[] = [];
	const deletions = new Deletions(commands, toasts, (id) => shown.push(id));
	const remove = (id: string, isShown = false) => deletions.remove({ id, title: id, isShown });
	const texts = () => toasts.shown.value.map((toast) => toast.text);
	const undo = async () => {
		const toast = toasts.shown.value.find(({ actions }) => actions[0]?.label === "Undo");
		const action = toast?.actions[0];
		if (toast !== undefined && action !== undefined) toasts.act(toast.id, action);
		for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
	};
	return { core, toasts, shown, remove, texts, undo };
}

test("what is deleted can be given back for ten seconds, and is shown again if it was", async () => {
	mock.timers.enable({ apis: ["setTimeout"] });
	const { core, shown, remove, texts, undo } = scene();
	await remove("a", true);
	assert.deepEqual(texts(), ["Deleted “a”"]);
	mock.timers.tick(9_999);
	await undo();
	assert.deepEqual(core.named("restore_conversation"), [{ conversationId: "a" }]);
	assert.deepEqual([shown, texts()], [["a"], []]);

	await remove("b");
	mock.timers.tick(10_000);
	assert.deepEqual(texts(), []);
	mock.timers.reset();
});

test("several are one note, and each has its own time", async () => {
	mock.timers.enable({ apis: ["setTimeout"] });
	const { core, shown, remove, texts, undo } = scene();
	await remove("a");
	mock.timers.tick(6_000);
	await remove("b");
	await remove("c", true);
	assert.deepEqual(texts(), ["Deleted 3 conversations"]);
	mock.timers.tick(4_000);
	assert.deepEqual(texts(), ["Deleted 2 conversations"], "the first is gone");
	await undo();
	const restored = core.named("restore_conversation").map((args) => args.conversationId);
	assert.deepEqual([restored, shown], [["b", "c"], ["c"]]);
	mock.timers.tick(20_000);
	assert.deepEqual(texts(), []);
	mock.timers.reset();
});

test("an Undo that comes too late says so", async () => {
	const { shown, remove, texts, undo } = scene({
		restore_conversation: refusal("not_found", "gone"),
	});
	await remove("a", true);
	await undo();
	assert.match(texts()[0] ?? "", /“a” was permanently deleted/);
	assert.deepEqual(shown, []);
	await yieldToBrowser();
});

test("one that cannot be deleted offers nothing", async () => {
	const { remove, texts } = scene({ delete_conversation: refusal("disk_full", "full") });
	await assert.rejects(remove("a"));
	assert.deepEqual(texts(), []);
});
