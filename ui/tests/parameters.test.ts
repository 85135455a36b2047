import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { signal } from "@preact/signals-core";
import { ParameterFields } from "../src/features/parameters/fields";
import {
	effortsOf,
	isAnySet,
	NO_PARAMETERS,
	type ParameterName,
	parameterText,
	placeholderOf,
	type Taker,
	takes,
	withParameter,
} from "../src/features/parameters/parameters";
import type { Parameters } from "../src/ipc/bindings";

function parsed(name: ParameterName, text: string) {
	const result = withParameter(NO_PARAMETERS, name, text);
	return "problem" in result ? result.problem : result.value[name];
}

/** Fields on a core that accepts everything for which `refuse` returns null. */
function fields(refuse: (parameters: Parameters) => string | null = () => null) {
	const saved = signal(NO_PARAMETERS);
	const calls: Parameters[] = [];
	const save = async (parameters: Parameters) => {
		calls.push(parameters);
		const message = refuse(parameters);
		if (message !== null) throw { code: "invalid_argument", message };
		saved.value = parameters;
	};
	return { saved, calls, it: new ParameterFields(saved, save) };
}

test("a field says its parameter, and an empty one does not set it", () => {
	assert.equal(parsed("temperature", "0,7"), 0.7);
	assert.equal(parsed("temperature", "0"), 0, "zero is a value");
	assert.equal(parsed("topP", "1"), 1);
	assert.equal(parsed("maxTokens", "4 096"), 4096);
	assert.equal(parsed("systemPrompt", "Be short.\n"), "Be short.\n");
	assert.deepEqual(parsed("stop", "END\n\n  ###\n"), ["END", "  ###"]);
	for (const name of ["temperature", "topP", "maxTokens", "systemPrompt"] as const) {
		assert.equal(parsed(name, "  "), null, name);
	}
});

test("what no provider takes is refused, with what to write instead", () => {
	assert.equal(parsed("temperature", "2.1"), "The temperature must be from 0 to 2");
	assert.equal(parsed("topP", "0"), "Top-p must be above 0 and at most 1");
	assert.equal(parsed("maxTokens", "0"), "Max tokens must be from 1 to 4294967295");
	assert.match(String(parsed("maxTokens", "1.5")), /whole number/);
	assert.match(String(parsed("temperature", "hot")), /number/);
	assert.match(String(parsed("stop", "a\nb\nc\nd\ne")), /four/);
});

test("a parameter is shown as it is typed, and back", () => {
	const parameters: Parameters = {
		systemPrompt: "Be short.",
		temperature: 0.7,
		topP: null,
		maxTokens: 100,
		stop: ["a", "b"],
		reasoningEffort: "low",
	};
	for (const name of Object.keys(parameters) as ParameterName[]) {
		const result = withParameter(NO_PARAMETERS, name, parameterText(name, parameters));
		assert.deepEqual("value" in result && result.value[name], parameters[name], name);
	}
	assert.ok(isAnySet(parameters));
	assert.ok(!isAnySet(NO_PARAMETERS));
});

test("an empty field says what counts", () => {
	const defaults: Parameters = { ...NO_PARAMETERS, temperature: 0.7, reasoningEffort: "high" };
	assert.equal(placeholderOf("temperature", defaults), "Default: 0.7");
	assert.equal(placeholderOf("reasoningEffort", defaults), "Default: High");
	assert.equal(placeholderOf("topP", defaults), "Provider default");
	assert.equal(placeholderOf("stop", defaults), "None");
	assert.ok(
		placeholderOf("systemPrompt", { ...defaults, systemPrompt: "x".repeat(999) }).length < 150,
	);
});

test("a model is asked only for what it takes", () => {
	const model = (change: Partial<Taker>): Taker => ({
		name: "m",
		efforts: null,
		sampling: null,
		refused: [],
		...change,
	});
	const names = Object.keys(NO_PARAMETERS) as ParameterName[];
	const taken = (change: Partial<Taker>) => names.filter((name) => takes(model(change), name));
	assert.deepEqual(taken({}), names, "what is unknown is offered");
	assert.deepEqual(taken({ sampling: "without_thinking", efforts: ["low"] }), names);
	assert.deepEqual(taken({ sampling: "never", efforts: [] }), [
		"systemPrompt",
		"maxTokens",
		"stop",
	]);
	assert.ok(!takes(model({ refused: ["stop"] }), "stop"));
	assert.ok(takes(undefined, "temperature"));
});

test("the efforts are the model's own, and the chosen one", () => {
	const model: Taker = { name: "m", efforts: ["none", "low", "max"], sampling: null, refused: [] };
	assert.deepEqual(effortsOf(model, ""), ["none", "low", "max"]);
	assert.deepEqual(effortsOf(model, "high"), ["none", "low", "high", "max"]);
	assert.equal(effortsOf(undefined, "").length, 7);
});

test("typing is saved when it pauses, and stays as it was typed until the field is left", async () => {
	mock.timers.enable({ apis: ["setTimeout"] });
	const { it, saved, calls } = fields();
	it.type("temperature", "0.7");
	it.type("temperature", "0.70");
	assert.equal(calls.length, 0);
	mock.timers.tick(5000);
	mock.timers.reset();
	await it.leaveAll();
	assert.deepEqual([calls.length, saved.value.temperature], [1, 0.7]);
	assert.equal(it.text("temperature"), "0.7");
});

test("a bad value is neither saved nor lost, and does not hold the others up", async () => {
	const { it, saved, calls } = fields();
	it.type("temperature", "hot");
	await it.leave("temperature");
	assert.match(it.problems.value.get("temperature") ?? "", /number/);
	it.type("maxTokens", "100");
	assert.equal(await it.leaveAll(), false);
	assert.deepEqual(saved.value, { ...NO_PARAMETERS, maxTokens: 100 });
	assert.equal(calls.length, 1);
	assert.equal(it.text("temperature"), "hot");
	it.type("temperature", "1");
	assert.equal(it.problems.value.size, 0, "the fault is over as soon as it is mended");
	assert.equal(await it.leaveAll(), true);
});

test("a value that the core refuses stays in its field with the reason", async () => {
	const { it, saved } = fields((parameters) => (parameters.topP === null ? null : "No top-p"));
	it.type("topP", "0.5");
	await it.leave("topP");
	assert.equal(it.problems.value.get("topP"), "No top-p");
	assert.equal(it.text("topP"), "0.5");
	assert.deepEqual(saved.value, NO_PARAMETERS);
});

test("fields that are left at the same time are all saved", async () => {
	const { it, saved } = fields();
	it.type("temperature", "1");
	it.type("topP", "0.5");
	it.type("stop", "END");
	await it.leaveAll();
	assert.deepEqual(saved.value, { ...NO_PARAMETERS, temperature: 1, topP: 0.5, stop: ["END"] });
	await it.clear();
	assert.deepEqual(saved.value, NO_PARAMETERS);
});
