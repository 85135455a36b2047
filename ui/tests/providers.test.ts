import assert from "node:assert/strict";
import { test } from "node:test";
import { ProviderEditor } from "../src/features/providers/editor";
import { Providers } from "../src/features/providers/providers";
import {
	addressIn,
	candidatesOfKey,
	isLikelyKey,
	presetOfAddress,
	presetOfKey,
} from "../src/features/providers/recognise";
import {
	findPresets,
	keyState,
	parseAddress,
	parseKey,
	parseParallel,
	providerState,
	remedyOf,
	sameAddress,
	testResult,
} from "../src/features/providers/texts";
import type { Preset, ProviderInfo } from "../src/ipc/bindings";
import { commands, fakeCore, refusal } from "./core";
import { OPENAI, PRESET } from "./providers";

test("the state of a key says where it is, and never more than its end", () => {
	const places = ["keychain", "file", "session", "environment"] as const;
	assert.deepEqual(
		places.map((keyPlace) => keyState({ ...OPENAI, keyPlace })),
		[
			"API key …ab12 in the keychain",
			"API key …ab12 in a file that only you can read",
			"API key …ab12, not saved",
			"API key …ab12 from an environment variable",
		],
	);
	const without = { ...OPENAI, hasKey: false, keyLastFour: null, keyPlace: null };
	assert.equal(keyState(without), "No API key");
	assert.equal(providerState({ ...without, source: "built_in" }), "Built in");
	const outside = { ...OPENAI, source: "environment", keyPlace: "environment" } as const;
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

test("a pasted key is recognised by its form, and goes with its provider", async () => {
	const core = fakeCore({
		list_presets: () => [
			{ ...PRESET, id: "other", keyPrefixes: ["gsk_"], sharedKeyPrefixes: [] },
			PRESET,
		],
		list_providers: () => [],
	});
	const providers = new Providers(commands);
	await providers.load();
	assert.equal(providers.search("sk-proj-"), null, "it is being typed");
	const found = providers.search(" sk-proj-0123456789abcdef ");
	assert.equal(found?.id, "openai");
	const editor = providers.create(found);
	assert.ok(editor !== null, "nothing is left to fill in");
	assert.equal(editor, providers.editor.value);
	assert.equal(editor.texts.value.key, "sk-proj-0123456789abcdef");
	assert.ok(editor.isPasted.value);
	assert.equal(providers.presetQuery.value, "", "the key is in no field that shows it");
	assert.equal(core.named("save_provider").length, 0, "it is tested first");
	editor.type("name", "Mine");
	assert.ok(!editor.isPasted.value, "what the user edits is saved by the user");
});

test("a key that may be of several providers goes with the one that is chosen", async () => {
	fakeCore({ list_presets: () => [PRESET], list_providers: () => [] });
	const providers = new Providers(commands);
	await providers.load();
	assert.equal(providers.search("sk-0123456789abcdef0123"), null);
	assert.equal(providers.create(PRESET)?.texts.value.key, "sk-0123456789abcdef0123");

	providers.choosePreset();
	assert.equal(providers.search("https://api.example.com/v1"), null);
	assert.equal(providers.create(PRESET), null, "the key is still to be filled in");
	assert.equal(providers.editor.value?.texts.value.key, "", "an address is no key");
});

test("a key leads to the providers whose keys look like it", () => {
	const groq = { ...PRESET, id: "groq", keyPrefixes: ["gsk_"], sharedKeyPrefixes: [] };
	const bare = { ...PRESET, id: "bare", keyPrefixes: [], sharedKeyPrefixes: [""] };
	const found = (key: string) => candidatesOfKey([PRESET, groq, bare], key).map(({ id }) => id);
	assert.deepEqual(found("sk-0123456789abcdef0123"), ["openai"]);
	assert.deepEqual(found("0123456789abcdef0123"), ["bare"], "a key without a form");
	assert.equal(presetOfKey([PRESET, groq], "gsk_0123456789abcdef0123")?.id, "groq");
	assert.equal(presetOfKey([PRESET, groq], "gsk_01"), null);
});

test("an address, a name and a key are distinguished", () => {
	for (const address of [
		"https://api.openai.com/v1",
		" “http://box:8000/v1”, ",
		"192.168.1.7",
		"box:8000",
		"localhost",
		"[::1]:8000",
		"api.example.com",
	]) {
		assert.ok(addressIn(address) !== null, address);
		assert.ok(!isLikelyKey(address), address);
	}
	for (const other of ["", "groq", "open ai", "sk-0123456789abcdef0123", "ftp://box"]) {
		assert.equal(addressIn(other), null, other);
	}
});

test("an address leads to the service of its host, or to the local server of its port", async () => {
	const ollama: Preset = {
		...PRESET,
		id: "ollama",
		name: "Ollama",
		protocol: "ollama",
		baseUrl: "http://localhost:11434",
		needsKey: false,
		local: true,
	};
	const custom = { ...PRESET, id: "custom", baseUrl: "", needsKey: false };
	const all = [PRESET, ollama, custom];
	const found = (address: string) => presetOfAddress(all, address)?.id;
	assert.equal(found("api.openai.com"), "openai");
	assert.equal(found("http://192.168.1.7:11434"), "ollama");
	assert.equal(found("https://api.openai.com.example/v1"), "custom", "a name that begins alike");
	assert.equal(found("box:8000"), "custom");

	fakeCore({ list_presets: () => all, list_providers: () => [] });
	const providers = new Providers(commands);
	await providers.load();
	const editor = providers.createAt(custom, "box:8000");
	assert.deepEqual(
		[editor?.texts.value.name, editor?.texts.value.baseUrl],
		["box:8000", "box:8000"],
	);
	assert.equal(providers.createAt(PRESET, "api.openai.com"), null, "its key is missing");
});

test("what a test asks for is allowed by the user only, and taken back by the user", async () => {
	const consent = { type: "plainHttp", origin: "http://box:8000" } as const;
	const core = fakeCore({
		test_provider: ({ form }) =>
			(form as { consent: unknown }).consent === null
				? {
						models: null,
						foundAt: null,
						keyUntried: false,
						problem: { code: "insecure_url", message: "Not encrypted" },
						question: { consent, before: null },
					}
				: { models: 1, foundAt: null, keyUntried: false, problem: null, question: null },
		save_provider: () => OPENAI,
	});
	const editor = new ProviderEditor(commands, PRESET, null);
	editor.paste({ baseUrl: "http://box:8000/v1", key: "sk-ab12" });
	await editor.test();
	assert.deepEqual(editor.question.value?.consent, consent);
	assert.equal(editor.consent.value, null, "a question is no consent");
	assert.match(editor.tested.value?.text ?? "", /consent/, "the rest is in the question");
	editor.type("baseUrl", "http://box:8001/v1");
	editor.allow();
	assert.equal(editor.consent.value, null, "the question was about another address");
	editor.type("baseUrl", "http://box:8000/v1");
	await editor.test();
	editor.allow();
	await editor.test();
	assert.ok(editor.tested.value?.worked);
	await editor.save("session");
	assert.deepEqual((core.named("save_provider")[0]?.form as { consent: unknown }).consent, consent);
	editor.withdraw();
	assert.equal(editor.consent.value, null);
	assert.equal(editor.tested.value, null, "it was with the consent that the test worked");
});

test("the last error of a provider leads to what helps", () => {
	const remedy = (code: string, source: ProviderInfo["source"] = "settings") =>
		remedyOf({ source, lastError: { code, message: "m", at: 0 } });
	assert.equal(remedy("wrong_key"), "changeKey");
	assert.equal(remedy("changed_certificate"), "review");
	assert.equal(remedy("unknown_path"), "editAddress");
	assert.equal(remedy("provider_unreachable"), "tryAgain");
	assert.equal(remedy("wrong_key", "environment"), "tryAgain", "it cannot be edited here");
	assert.equal(remedy("insecure_url", "environment"), "review", "but it can be allowed");
	assert.equal(remedy("changed_certificate", "built_in"), "tryAgain");
	assert.equal(remedyOf(OPENAI), null);
});

test("a new provider is not saved without the key that it needs", async () => {
	const core = fakeCore({ save_provider: () => OPENAI });
	const editor = new ProviderEditor(commands, PRESET, null);
	assert.equal(await editor.save("keychain"), null);
	assert.ok(editor.problems.value.has("key"));
	editor.type("key", " sk-ab12 ");
	assert.equal(editor.problems.value.size, 0, "the fault is over as soon as it is mended");
	assert.equal(await editor.save("keychain"), OPENAI);
	assert.deepEqual(core.named("save_provider"), [
		{
			form: {
				id: null,
				preset: "openai",
				name: "OpenAI",
				baseUrl: PRESET.baseUrl,
				maxParallel: 4,
				key: { type: "set", key: "sk-ab12", place: "keychain" },
				consent: null,
			},
		},
	]);
});

test("a server of the user's own in between may need no key", async () => {
	const core = fakeCore({ save_provider: () => OPENAI });
	const editor = new ProviderEditor(commands, PRESET, null);
	editor.type("baseUrl", "http://10.0.0.1/v1");
	assert.notEqual(await editor.save("keychain"), null);
	assert.deepEqual((core.named("save_provider")[0]?.form as { key: unknown }).key, {
		type: "keep",
	});
});

test("a key is kept, replaced or removed as the user says", async () => {
	const core = fakeCore({ save_provider: () => OPENAI });
	const editor = new ProviderEditor(commands, PRESET, OPENAI);
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
			return place === "keychain" ? unavailable() : OPENAI;
		},
	});
	const editor = new ProviderEditor(commands, PRESET, null);
	editor.type("key", "sk-ab12");
	assert.equal(await editor.save("keychain"), null);
	assert.equal(editor.keychainProblem.value, "No keychain answers");
	assert.equal(editor.texts.value.key, "sk-ab12");
	assert.deepEqual(places, ["keychain"], "no other place is tried unasked");
	assert.equal(await editor.save("session"), OPENAI);
	assert.equal(editor.keychainProblem.value, null);
});

test("the result of a test is gone when what was tested changes", async () => {
	let answer: (test: unknown) => void = () => {};
	fakeCore({ test_provider: () => new Promise((resolve) => (answer = resolve)) });
	const editor = new ProviderEditor(commands, PRESET, OPENAI);
	const first = editor.test();
	editor.type("baseUrl", "https://other.example");
	answer({ models: 3, foundAt: null, problem: null, question: null });
	await first;
	assert.equal(editor.tested.value, null, "the answer to an older question is not told");
	const second = editor.test();
	assert.ok(editor.testing.value);
	answer({ models: 3, foundAt: null, problem: null, question: null });
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
			question: null,
			problem: null,
		}),
		save_provider: () => OPENAI,
	});
	const editor = new ProviderEditor(commands, PRESET, OPENAI);
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
			const saved = { ...OPENAI, id: "ollama", baseUrl: "http://localhost:11434" };
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
