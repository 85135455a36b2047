import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Recovery } from "../src/features/recovery/recovery";
import { watchStart } from "../src/features/start/start";
import type { StartStatus } from "../src/ipc/bindings";
import { commands, fakeCore, refusal } from "./core";

/** A core that answers each `start_status` with the next status, once the test releases it. */
function scriptedCore(statuses: readonly StartStatus[]) {
	const waiting: (() => void)[] = [];
	let next = 0;
	const core = fakeCore({
		start_status: () =>
			new Promise<StartStatus>((resolve) => {
				const status = statuses[next++];
				if (status !== undefined) waiting.push(() => resolve(status));
			}),
	});
	const go = async () => {
		waiting.shift()?.();
		for (let turn = 0; turn < 5; turn++) await Promise.resolve();
	};
	return { core, go };
}

test("a start that is quick says nothing", async () => {
	mock.timers.enable({ apis: ["setTimeout"] });
	const { go } = scriptedCore([
		{ type: "starting", stage: "opening" },
		{ type: "running", notices: [] },
	]);
	const said: string[] = [];
	const noticed = watchStart(commands, (text) => said.push(text));
	await go();
	await go();
	mock.timers.tick(1000);
	assert.equal(await noticed, "");
	assert.deepEqual(said, []);
	mock.timers.reset();
});

test("a slow start shows its stage, and returns its notices", async () => {
	mock.timers.enable({ apis: ["setTimeout"] });
	const { core, go } = scriptedCore([
		{ type: "starting", stage: "waiting" },
		{ type: "starting", stage: "migrating" },
		{ type: "running", notices: ["updated_without_backup", "network_drive"] },
	]);
	const said: string[] = [];
	const noticed = watchStart(commands, (text) => said.push(text));
	await go();
	assert.deepEqual(said, []);
	mock.timers.tick(300);
	assert.deepEqual(said, ["Waiting for another instance of Conch to finish starting…"]);
	await go();
	assert.equal(said.at(-1), "Updating your conversations to this version…");
	await go();
	assert.match(await noticed, /without a backup.*\. .*network drive/, "two notices are one text");
	assert.deepEqual(
		core.named("start_status").map(({ seen }) => seen),
		[null, "waiting", "migrating"],
	);
	mock.timers.reset();
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
