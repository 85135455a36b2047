import assert from "node:assert/strict";
import { test } from "node:test";
import { ProviderEditor } from "../src/features/providers/editor";
import { Providers } from "../src/features/providers/providers";
import {
	findPresets,
	keyState,
	parseAddress,
	parseKey,
	parseParallel,
	providerState,
	sameAddress,
	testResult,
} from "../src/features/providers/texts";
import type { Preset, ProviderInfo } from "../src/ipc/bindings";
import { commands, fakeCore, refusal } from "./core";

const PRESET: Preset = {
	id: "openai",
	name: "OpenAI",
	protocol: "open_ai",
	baseUrl: "https://api.openai.com/v1",
	needsKey: true,
	local: false,
	keyUrl: null,
	keyPrefixes: ["sk-proj-"],
	sharedKeyPrefixes: ["sk-"],
};

const PROVIDER: ProviderInfo = {
	id: "openai",
	name: "OpenAI",
	preset: "openai",
	protocol: "open_ai",
	baseUrl: PRESET.baseUrl,
	source: "settings",
	hasKey: true,
	keyLastFour: "ab12",
	keyPlace: "keychain",
	maxParallel: 4,
	consent: null,
	lastError: null,
};

test("the state of a key says where it is, and never more than its end", () => {
	const places = ["keychain", "file", "session", "environment"] as const;
	assert.deepEqual(
		places.map((keyPlace) => keyState({ ...PROVIDER, keyPlace })),
		[
			"API key …ab12 in the keychain",
			"API key …ab12 in a file that only you can read",
			"API key …ab12, not saved",
			"API key …ab12 from an environment variable",
		],
	);
	const without = { ...PROVIDER, hasKey: false, keyLastFour: null, keyPlace: null };
	assert.equal(keyState(without), "No API key");
	assert.equal(providerState({ ...without, source: "built_in" }), "Built in");
	const outside = { ...PROVIDER, source: "environment", keyPlace: "environment" } as const;
	assert.equal(providerState(outside), "From an environment variable · API key …ab12");
});

test("the result of a connection test is exact", () => {
	const works = { models: 1, foundAt: null, keyUntried: false, problem: null, question: null };
	assert.equal(testResult(works), "Connected: 1 model");
	assert.match(testResult({ ...works, models: 0 }), /lists no models/);
	const untried = testResult({ ...works, models: 2, keyUntried: true });
	assert.match(untried, /^Connected: 2 models\. .*the key is not verified yet/);
	assert.equal(
		testResult({ ...works, foundAt: "http://box/v1" }),
		"Found at http://box/v1. Connected: 1 model",
	);
	const problem = { code: "unauthorized", message: "The key is wrong" };
	assert.equal(testResult({ ...works, models: null, problem }), "The key is wrong");
});

test("the same server is known by any of its names", () => {
	assert.ok(sameAddress("http://localhost:11434/", " http://127.0.0.1:11434"));
	assert.ok(!sameAddress("http://127.0.0.1:11434", "http://127.0.0.1:1234"));
	assert.ok(!sameAddress("https://a.example/v1", "https://a.example/v2"));
	assert.ok(sameAddress("", ""));
});

test("fields say what to mend", () => {
	const wrong = [
		parseAddress(""),
		parseAddress("two words"),
		parseAddress("ftp://a"),
		parseAddress("http://"),
		parseParallel("0"),
		parseParallel("65"),
		parseParallel("two"),
		parseKey("", true),
		parseKey("sk-1 sk-2", false),
	];
	for (const parsed of wrong) assert.ok("problem" in parsed);
	const right = [
		parseAddress(" http://[::1]:8000/v1 "),
		parseAddress("api.openai.com/v1"),
		parseAddress("localhost:8080"),
		parseAddress("“https://api.openai.com/v1”,"),
		parseParallel("64"),
		parseKey("", false),
	];
	for (const parsed of right) assert.ok("value" in parsed);
});

test("presets are found by name and address", () => {
	const presets = [
		PRESET,
		{ ...PRESET, id: "groq", name: "Groq", baseUrl: "https://api.groq.com" },
	];
	assert.deepEqual(
		findPresets(presets, "API groq").map(({ id }) => id),
		["groq"],
	);
	assert.equal(findPresets(presets, " ").length, 2);
});

test("a pasted key opens its provider with the key, which is tested at once", async () => {
	const core = fakeCore({
		list_presets: () => [{ ...PRESET, id: "other", keyPrefixes: ["gsk_"] }, PRESET],
		list_providers: () => [],
		test_provider: () => ({ models: 2, foundAt: null, keyUntried: false, problem: null }),
	});
	const providers = new Providers(commands);
	await providers.load();
	assert.equal(providers.search("sk-proj-"), false, "it is being typed");
	assert.equal(providers.search(" sk-proj-0123456789abcdef "), true);
	const editor = providers.editor.value;
	assert.equal(editor?.preset.id, "openai");
	assert.equal(editor?.texts.value.key, "sk-proj-0123456789abcdef");
	assert.equal(providers.presetQuery.value, "", "the key is in no field that shows it");
	assert.equal(core.named("test_provider").length, 1);
	assert.equal(core.named("save_provider").length, 0, "nothing is saved unasked");
});

test("a key that may be of several providers goes with the one that is chosen", async () => {
	const core = fakeCore({
		list_presets: () => [PRESET],
		list_providers: () => [],
		test_provider: () => ({ models: 2, foundAt: null, keyUntried: false, problem: null }),
	});
	const providers = new Providers(commands);
	await providers.load();
	assert.equal(providers.search("sk-0123456789abcdef0123"), false);
	providers.create(PRESET);
	assert.equal(providers.editor.value?.texts.value.key, "sk-0123456789abcdef0123");
	assert.equal(core.named("test_provider").length, 1);

	providers.choosePreset();
	assert.equal(providers.search("https://api.example.com/v1"), false);
	providers.create(PRESET);
	assert.equal(providers.editor.value?.texts.value.key, "", "an address is no key");
});

test("a new provider is not saved without the key that it needs", async () => {
	const core = fakeCore({ save_provider: () => PROVIDER });
	const editor = new ProviderEditor(commands, PRESET, null);
	assert.equal(await editor.save("keychain"), null);
	assert.ok(editor.problems.value.has("key"));
	editor.type("key", " sk-ab12 ");
	assert.equal(editor.problems.value.size, 0, "the fault is over as soon as it is mended");
	assert.equal(await editor.save("keychain"), PROVIDER);
	assert.deepEqual(core.named("save_provider"), [
		{
			form: {
				id: null,
				preset: "openai",
				name: "OpenAI",
				baseUrl: PRESET.baseUrl,
				maxParallel: 4,
				key: { type: "set", key: "sk-ab12", place: "keychain" },
			},
		},
	]);
});

test("a server of the user's own in between may need no key", async () => {
	const core = fakeCore({ save_provider: () => PROVIDER });
	const editor = new ProviderEditor(commands, PRESET, null);
	editor.type("baseUrl", "http://10.0.0.1/v1");
	assert.notEqual(await editor.save("keychain"), null);
	assert.deepEqual((core.named("save_provider")[0]?.form as { key: unknown }).key, {
		type: "keep",
	});
});

test("a key is kept, replaced or removed as the user says", async () => {
	const core = fakeCore({ save_provider: () => PROVIDER });
	const editor = new ProviderEditor(commands, PRESET, PROVIDER);
	assert.equal(editor.texts.value.key, "", "what is kept does not come back");
	await editor.save("keychain");
	editor.chooseKey("remove");
	await editor.save("keychain");
	editor.chooseKey("set");
	assert.equal(await editor.save("keychain"), null, "nothing does not replace a key");
	editor.type("key", "new");
	await editor.save("keychain");
	assert.deepEqual(
		core.named("save_provider").map(({ form }) => (form as { key: unknown }).key),
		[{ type: "keep" }, { type: "remove" }, { type: "set", key: "new", place: "keychain" }],
	);
});

test("without a keychain nothing is lost, and the user chooses the place", async () => {
	const unavailable = refusal("keychain_unavailable", "No keychain answers");
	const places: string[] = [];
	fakeCore({
		save_provider: ({ form }) => {
			const { place } = (form as { key: { place: string } }).key;
			places.push(place);
			return place === "keychain" ? unavailable() : PROVIDER;
		},
	});
	const editor = new ProviderEditor(commands, PRESET, null);
	editor.type("key", "sk-ab12");
	assert.equal(await editor.save("keychain"), null);
	assert.equal(editor.keychainProblem.value, "No keychain answers");
	assert.equal(editor.texts.value.key, "sk-ab12");
	assert.deepEqual(places, ["keychain"], "no other place is tried unasked");
	assert.equal(await editor.save("session"), PROVIDER);
	assert.equal(editor.keychainProblem.value, null);
});

test("the result of a test is gone when what was tested changes", async () => {
	let answer: (test: unknown) => void = () => {};
	fakeCore({ test_provider: () => new Promise((resolve) => (answer = resolve)) });
	const editor = new ProviderEditor(commands, PRESET, PROVIDER);
	const first = editor.test();
	editor.type("baseUrl", "https://other.example");
	answer({ models: 3, foundAt: null, problem: null });
	await first;
	assert.equal(editor.tested.value, null, "the answer to an older question is not told");
	const second = editor.test();
	assert.ok(editor.testing.value);
	answer({ models: 3, foundAt: null, problem: null });
	await second;
	assert.deepEqual(editor.tested.value, { text: "Connected: 3 models", worked: true });
	editor.type("name", "x");
	assert.equal(editor.tested.value, null);
});

test("the address at which a server was found is the one that is saved", async () => {
	const core = fakeCore({
		test_provider: () => ({
			models: 3,
			foundAt: "http://10.0.0.1/v1",
			keyUntried: false,
			problem: null,
		}),
		save_provider: () => PROVIDER,
	});
	const editor = new ProviderEditor(commands, PRESET, PROVIDER);
	editor.type("baseUrl", "10.0.0.1/v1/chat/completions");
	await editor.test();
	assert.equal(editor.texts.value.baseUrl, "http://10.0.0.1/v1");
	assert.equal(editor.tested.value?.text, "Found at http://10.0.0.1/v1. Connected: 3 models");
	await editor.save("keychain");
	const { baseUrl } = core.named("save_provider")[0]?.form as { baseUrl: string };
	assert.equal(baseUrl, "http://10.0.0.1/v1");
});

test("a server on this machine is offered until it is a provider, and added only when asked", async () => {
	const server = { preset: "ollama", name: "Ollama", baseUrl: "http://127.0.0.1:11434", models: 2 };
	const list: ProviderInfo[] = [];
	const core = fakeCore({
		list_presets: () => [PRESET],
		list_providers: () => [...list],
		find_local_servers: () => [server],
		save_provider: () => {
			const saved = { ...PROVIDER, id: "ollama", baseUrl: "http://localhost:11434" };
			list.push(saved);
			return saved;
		},
	});
	const providers = new Providers(commands);
	await providers.load();
	await providers.scan();
	assert.deepEqual(providers.offered.value, [server]);
	assert.equal(core.named("save_provider").length, 0);
	await providers.add(server);
	assert.deepEqual(providers.offered.value, []);
	assert.equal(core.named("list_presets").length, 1, "presets do not change");
});

test("unreadable providers are reported as an error, not as an empty list", async () => {
	fakeCore({ list_presets: () => [], list_providers: refusal("internal", "See the log") });
	const providers = new Providers(commands);
	await providers.load();
	assert.deepEqual([providers.list.value, providers.problem.value], [null, "See the log"]);
});
