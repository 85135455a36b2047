import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_PARAMETERS } from "../src/features/parameters/parameters";
import { modelFileFacts } from "../src/features/settings/model-file";
import { UserSettings } from "../src/features/settings/settings";
import type { Settings } from "../src/ipc/bindings";
import { commands, fakeCore, refusal } from "./core";

const SETTINGS: Settings = {
	defaultModelId: null,
	parameters: NO_PARAMETERS,
	notifications: true,
	appearance: "system",
	zoom: 100,
	sendKey: "enter",
	onClose: "finishAnswers",
};

test("changes at the same time do not undo one another", async () => {
	let stored = SETTINGS;
	fakeCore({
		get_settings: () => stored,
		save_settings: async ({ settings }) => {
			await new Promise(setImmediate);
			stored = settings as Settings;
			return stored;
		},
	});
	const it = new UserSettings(commands);
	await it.load();
	it.parameterFields.type("temperature", "1");
	await Promise.all([
		it.choose("appearance", "dark"),
		it.choose("notifications", false),
		it.parameterFields.leaveAll(),
	]);
	const parameters = { ...NO_PARAMETERS, temperature: 1 };
	const all = { ...SETTINGS, appearance: "dark", notifications: false, parameters };
	assert.deepEqual(stored, all);
	assert.deepEqual(it.current.value, all);
	assert.equal(it.note.value, "Saved");
});

test("a refused choice shows its reason, and the previous value stays", async () => {
	fakeCore({
		get_settings: () => SETTINGS,
		save_settings: refusal("disk_full", "The disk is full"),
	});
	const it = new UserSettings(commands);
	await it.load();
	await it.choose("appearance", "dark");
	assert.equal(it.problems.value.get("appearance"), "The disk is full");
	assert.equal(it.current.value?.appearance, "system");
	assert.equal(it.note.value, "");
});

test("settings that could not be read are not replaced by invented ones", async () => {
	const core = fakeCore({ get_settings: refusal("internal", "See the log") });
	const it = new UserSettings(commands);
	await it.load();
	assert.equal(it.problem.value, "See the log");
	await it.choose("notifications", false);
	assert.equal(core.named("save_settings").length, 0);
	assert.equal(it.problems.value.get("notifications"), "See the log");
});

test("steps of the zoom that follow fast are all taken", async () => {
	let stored = SETTINGS;
	fakeCore({
		get_settings: () => stored,
		save_settings: async ({ settings }) => {
			await new Promise(setImmediate);
			stored = settings as Settings;
			return stored;
		},
	});
	const it = new UserSettings(commands);
	const zooms = await Promise.all([it.zoomBy(1), it.zoomBy(1), it.zoomBy(1)]);
	assert.deepEqual(zooms, [110, 125, 150]);
	assert.equal(stored.zoom, 150);
	assert.equal(await it.zoomBy(0), 100);
});

test("a refused model file says why, and what the built-in model is stays known", async () => {
	const usable = {
		type: "usable",
		path: "/m/tiny-Q8_0.gguf",
		name: "tiny",
		bytes: 1_400_000,
		architecture: "llama",
		isBase: false,
	};
	fakeCore({
		get_settings: () => SETTINGS,
		get_model_file: () => usable,
		save_settings: refusal("model_not_gguf", "/m/x.txt is not a GGUF file"),
	});
	const it = new UserSettings(commands);
	await it.load();
	await it.readModelFile();
	await it.choose("modelFile", "/m/x.txt");
	assert.equal(it.problems.value.get("modelFile"), "/m/x.txt is not a GGUF file");
	assert.equal(it.current.value?.modelFile, undefined);
	assert.equal(modelFileFacts(it.modelFile.value), "In use: tiny, 1.4 MB.");
});

test("a base model is said to be one, and an unusable file says why", () => {
	const file = { path: "/m/g.gguf", name: "g", bytes: 5_230_000_000, architecture: "gemma3" };
	const base = modelFileFacts({ type: "usable", ...file, isBase: true });
	assert.match(base, /g, 5\.2 GB, base model: it continues your text/);
	const gone = { code: "model_missing", message: "It cannot be opened" };
	assert.equal(modelFileFacts({ type: "unusable", ...gone }), "It cannot be opened");
	assert.equal(modelFileFacts(null), "");
});
