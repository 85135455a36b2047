import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { watchStart } from "../src/features/start/start";
import type { StartStatus } from "../src/ipc/bindings";
import { commands, fakeCore } from "./core";

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
