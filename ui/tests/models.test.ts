import assert from "node:assert/strict";
import { test } from "node:test";
import { signal } from "@preact/signals-core";
import { ModelPicker } from "../src/features/models/picker";
import { findModels, modelById, typedModels } from "../src/features/models/search";
import { noteOf } from "../src/features/models/view";
import type { ModelInfo } from "../src/ipc/bindings";
import { modelOf } from "./providers";

function model(providerId: string, name: string, available = true): ModelInfo {
	return modelOf(providerId, providerId.toUpperCase(), name, { available });
}

function many(providerId: string, length: number): ModelInfo[] {
	return Array.from({ length }, (_, index) => model(providerId, `model-${index}`));
}

const MODELS = [model("a", "gpt-4o"), model("b", "claude opus"), model("a", "o3-gpt")];

function picker(models: ModelInfo[], chosen: string | null, none: string | null = null) {
	const it = new ModelPicker(signal(models));
	it.open({ anchor: {} as HTMLElement, chosen, none, choose: () => {} });
	return it;
}

function active(it: ModelPicker) {
	return it.options.value[it.active.value]?.id ?? null;
}

test("models are grouped by provider in the order given", () => {
	const groups = findModels(MODELS, "", 100);
	assert.deepEqual(
		groups.map(({ provider, models }) => [provider, ...models.map(({ name }) => name)]),
		[
			["A", "gpt-4o", "o3-gpt"],
			["B", "claude opus"],
		],
	);
});

test("every word must match, in the name or the provider, and the best match is first", () => {
	const names = (query: string) =>
		findModels([model("a", "my-gpt"), ...MODELS], query, 100).flatMap((group) =>
			group.models.map(({ name }) => name),
		);
	assert.deepEqual(names("GPT"), ["gpt-4o", "my-gpt", "o3-gpt"]);
	assert.deepEqual(names("b opus"), ["claude opus"]);
	assert.deepEqual(names("opus gpt"), []);
});

test("at most so many are shown, every provider has its share, and the rest is counted", () => {
	const groups = findModels(
		[...many("big", 600), ...many("small", 3), ...many("mid", 60)],
		"",
		100,
	);
	assert.deepEqual(
		groups.map(({ models, more }) => [models.length, more]),
		[
			[49, 551],
			[3, 0],
			[48, 12],
		],
	);
});

test("the chosen model is shown, however many there are", () => {
	const groups = findModels(many("big", 600), "", 100, "big/model-500");
	assert.equal(groups[0]?.models.length, 100);
	assert.ok(groups[0]?.models.some(({ id }) => id === "big/model-500"));
	assert.equal(groups[0]?.more, 500);
});

test("the list opens at the chosen model, and typing goes to the first match", () => {
	const it = picker(MODELS, "b/claude opus");
	assert.equal(active(it), "b/claude opus");
	it.search("gpt");
	assert.equal(active(it), "a/gpt-4o");
	it.search("none such");
	assert.equal(it.active.value, -1);
	it.move(1);
	assert.equal(it.active.value, -1, "there is nowhere to go");
});

test("moving stops at the ends", () => {
	const it = picker(MODELS, null);
	it.move(-1);
	assert.equal(it.active.value, 0);
	it.move(100);
	assert.equal(it.active.value, 2);
});

test("what cannot be used is passed over by typing, but can be reached to read why", () => {
	const it = picker([model("a", "a", false), model("b", "b")], null);
	assert.equal(active(it), "b/b");
	it.move(-1);
	assert.equal(active(it), "a/a");
});

test("no model is a choice only where it is offered, and no match of a search", () => {
	const it = picker(MODELS, null, "The first");
	assert.equal(it.options.value[0], null);
	assert.equal(it.active.value, 0);
	it.search("gpt");
	assert.equal(it.options.value.includes(null), false);
	assert.equal(picker(MODELS, null).options.value.includes(null), false);
});

test("a model that no list has is chosen by typing its id", () => {
	const ids = (query: string, matches: boolean) =>
		typedModels([...MODELS, model("c", "c", false)], query, matches).flatMap(({ models }) =>
			models.map(({ id }) => id),
		);
	assert.deepEqual(ids("new-model", false), ["a/new-model", "b/new-model"], "c is not available");
	assert.deepEqual(ids("maker/new", false), ["a/maker/new", "b/maker/new"]);
	assert.deepEqual(ids("b/new-model", false), ["b/new-model"]);
	assert.deepEqual(ids("b/gpt", true), ["b/gpt"], "a prefix means it, whatever else matches");
	for (const query of ["", "two words", "a/", "a/gpt-4o"]) assert.deepEqual(ids(query, false), []);
	assert.deepEqual(ids("gpt", true), [], "it is a search");

	const it = picker(MODELS, null);
	it.search("b/new");
	assert.equal(active(it), "b/new");
	it.search("b/claude");
	const groups = it.groups.value.map(({ providerId, models }) => [providerId, models.length]);
	assert.deepEqual(groups, [["b", 2]], "a provider is one group");
});

test("a model that was typed is shown by its name, and one without a provider is unknown", () => {
	assert.equal(modelById(MODELS, "b/claude opus"), MODELS[1]);
	const typed = modelById(MODELS, "b/maker/new");
	assert.equal(typed?.name, "maker/new");
	assert.equal(typed?.isDefault, false);
	assert.equal(modelById(MODELS, "gone/new"), undefined);
	assert.equal(modelById(MODELS, "b/"), undefined);
	const builtIn = { ...model("embedded", "tiny"), embedded: true };
	assert.equal(modelById([builtIn], "embedded/other"), undefined);
});

test("a row says that a model ends, and that it runs in the cloud", () => {
	const endsAt = Date.UTC(2026, 11, 11);
	const ending = { ...model("a", "old"), endsAt };
	assert.match(noteOf(ending, endsAt - 1), /^Ends on .*11.*\.$/);
	assert.match(noteOf(ending, endsAt), /^Ended on /);
	const cloud = { ...model("a", "far"), note: "Slow.", cloud: true };
	assert.equal(noteOf(cloud), "Slow. Runs in the cloud, not on this machine.");
	assert.equal(noteOf(model("a", "plain")), "");
});
