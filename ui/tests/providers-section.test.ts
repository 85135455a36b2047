import assert from "node:assert/strict";
import { test } from "node:test";
import { effect, signal } from "@preact/signals-core";
import type { SectionDeps } from "../src/features/providers/section";
import type {
	ConnectionTest,
	Consent,
	ModelInfo,
	ProviderForm,
	ProviderInfo,
} from "../src/ipc/bindings";
import { modelOf, OPENAI, PRESET } from "./providers";

// Not bundled with the tests: it is too large, and not made for it.
const load = (name: string): Promise<typeof import("happy-dom")> => import(name);
const { Window } = await load("happy-dom");
const page = new Window();
const { document, Element, Node, HTMLElement, HTMLInputElement, Text, Comment, CSS } = page;
const addEventListener = page.addEventListener.bind(page);
Object.assign(globalThis, { window: page, document, addEventListener, CSS });
Object.assign(globalThis, { Element, Node, HTMLElement, HTMLInputElement, Text, Comment });
// lit needs the document when it is loaded.
const { render } = await import("lit-html");
const { ProvidersSection } = await import("../src/features/providers/section");

const KEY = "sk-proj-0123456789abcdef";

const PROVIDER: ProviderInfo = { ...OPENAI, keyLastFour: "cdef" };

const WORKS: ConnectionTest = {
	models: 2,
	foundAt: null,
	keyUntried: false,
	problem: null,
	question: null,
};

const CONSENT: Consent = { type: "plainHttp", origin: "http://box:8000" };

function model(name: string, changes: Partial<ModelInfo> = {}): ModelInfo {
	return modelOf("openai", "OpenAI", name, changes);
}

interface World {
	readonly list?: readonly ProviderInfo[];
	readonly models?: readonly ModelInfo[];
	readonly test?: (form: ProviderForm) => ConnectionTest | Promise<ConnectionTest>;
	readonly save?: (form: ProviderForm) => ProviderInfo;
}

/** The section in a page, and what it asked of the rest. */
async function shown({ list = [], models = [], test, save }: World) {
	const saved: ProviderForm[] = [];
	const tested: ProviderForm[] = [];
	const consents: unknown[] = [];
	const chosen: string[] = [];
	const failures: string[] = [];
	let added = 0;
	const root = document.createElement("div");
	document.body.replaceChildren(root);
	const deps: SectionDeps = {
		commands: {
			listPresets: async () => [PRESET],
			listProviders: async () => [...list],
			findLocalServers: async () => [],
			deleteProvider: async () => null,
			testProvider: async (form) => {
				tested.push(form);
				return test?.(form) ?? WORKS;
			},
			saveProvider: async (form) => {
				saved.push(form);
				return save?.(form) ?? PROVIDER;
			},
			saveEnvironmentConsent: async (id, consent) => {
				consents.push([id, consent]);
				return null;
			},
		},
		root: root as unknown as HTMLElement,
		focus: () => {},
		saved: () => {},
		models: signal(models),
		readModels: async () => {},
		isReading: () => false,
		chooseDefault: async (id) => void chosen.push(id),
		added: () => {
			added += 1;
		},
		fail: (message) => failures.push(message),
		askToRemove: () => {},
		copy: () => {},
		open: () => {},
	};
	const section = new ProvidersSection(deps);
	section.load();
	effect(() => {
		render(section.view(), root as unknown as HTMLElement);
	});
	await settled();
	const find = (selector: string) => root.querySelector(selector);
	const press = async (selector: string) => {
		const element = find(selector);
		assert.ok(element !== null, `${selector} is there`);
		element.dispatchEvent(new page.MouseEvent("click", { bubbles: true, cancelable: true }));
		await settled();
	};
	const type = async (selector: string, text: string) => {
		const field = find(selector);
		assert.ok(field instanceof page.HTMLInputElement, `${selector} is there`);
		field.value = text;
		field.dispatchEvent(new page.Event("input", { bubbles: true }));
		await settled();
	};
	const text = (selector: string) => find(selector)?.textContent?.replace(/\s+/g, " ").trim();
	return {
		section,
		root,
		find,
		press,
		type,
		text,
		saved,
		tested,
		consents,
		chosen,
		failures,
		added: () => added,
	};
}

/** Everything that was begun and waits for nothing else has ended. */
async function settled(): Promise<void> {
	await new Promise((resolve) => setTimeout(resolve));
}

test("a pasted key is tested and saved at once, and its models are offered for new chats", async () => {
	const models = [
		model("gpt-6", { isDefault: true }),
		model("gpt-6-mini"),
		model("embedding", { available: false }),
		model("other", { id: "b/other", providerId: "b" }),
	];
	const { section, find, type, text, press, saved, tested, chosen, added } = await shown({
		models,
	});
	section.choosePreset();
	await type("#preset-search", KEY);
	const key = { type: "set", key: KEY, place: "session" };
	assert.deepEqual(
		tested.map((form) => form.key),
		[key],
		"nothing is saved by a test",
	);
	assert.deepEqual(
		saved.map((form) => form.key),
		[{ ...key, place: "keychain" }],
	);
	assert.equal(text("h2"), "Which model shall answer new chats?");
	assert.match(text(".section p, p.quiet") ?? "", /OpenAI is connected: 2 models/);
	assert.equal(text("#skip-first-model"), "Keep gpt-6");
	assert.equal(find("[data-model-id='b/other']"), null, "only those of the new provider");
	await press("[data-model-id='openai/gpt-6-mini']");
	assert.deepEqual(chosen, ["openai/gpt-6-mini"]);
	assert.equal(added(), 1);
	assert.equal(find("#first-model"), null, "it is asked once");
});

test("the question for a model can be left, which changes nothing", async () => {
	const { section, type, press, text, chosen, added } = await shown({ models: [model("gpt-6")] });
	section.choosePreset();
	await type("#preset-search", KEY);
	assert.equal(text("#skip-first-model"), "Not now", "there was no default");
	await press("#skip-first-model");
	assert.deepEqual(chosen, []);
	assert.equal(added(), 1);
});

test("a provider without a model that answers leads back to the list", async () => {
	const models = [model("embedding", { available: false })];
	const { section, find, type, text, saved } = await shown({ models, list: [PROVIDER] });
	section.choosePreset();
	await type("#preset-search", KEY);
	assert.equal(saved.length, 1);
	assert.equal(find("#first-model"), null);
	assert.equal(text("h2"), "Providers");
});

test("a pasted key that does not work stays in the form and is not saved", async () => {
	const problem = { code: "wrong_key", message: "The key is wrong" };
	const refused = { ...WORKS, models: null, problem };
	const { section, find, type, text, saved } = await shown({ test: () => refused });
	section.choosePreset();
	await type("#preset-search", KEY);
	assert.deepEqual(saved, []);
	assert.equal(text("#test-result"), "The key is wrong");
	const field = find("#provider-key");
	assert.ok(field instanceof page.HTMLInputElement);
	assert.equal(field.value, KEY);
	assert.equal(document.activeElement?.id, "provider-address", "what may be wrong is focused");
});

test("a pasted key is not saved after the user left", async () => {
	let answer = (_: ConnectionTest) => {};
	const pending = new Promise<ConnectionTest>((resolve) => {
		answer = resolve;
	});
	const { section, find, press, type, saved } = await shown({ test: () => pending });
	section.choosePreset();
	await type("#preset-search", KEY);
	assert.ok(find("#connecting"), "it shows that it is trying");
	await press("#cancel-provider");
	answer(WORKS);
	await settled();
	assert.deepEqual(saved, []);
});

test("without a keychain a pasted key is saved where the user chooses", async () => {
	const save = ({ key }: ProviderForm) => {
		if (key.type === "set" && key.place !== "keychain") return PROVIDER;
		throw { code: "keychain_unavailable", message: "There is no keychain" };
	};
	const { section, find, type, press, text, saved } = await shown({ save });
	section.choosePreset();
	await type("#preset-search", KEY);
	assert.match(text("#keychain-problem") ?? "", /Nothing is saved yet/);
	await press("#keep-in-file");
	assert.deepEqual(saved.at(-1)?.key, { type: "set", key: KEY, place: "file" });
	assert.equal(find("#keychain-problem"), null);
});

test("a consent about a server of the environment is all that is saved of it", async () => {
	const lastError = { code: "insecure_url", message: "Not encrypted", at: 0 };
	const source = "environment" as const;
	const baseUrl = "http://box:8000/v1";
	const list = [{ ...PROVIDER, baseUrl, source, lastError }];
	const test = (form: ProviderForm) =>
		form.consent === null
			? {
					...WORKS,
					models: null,
					problem: { code: "insecure_url", message: "Not encrypted" },
					question: { consent: CONSENT, before: null },
				}
			: WORKS;
	const { find, press, text, saved, tested, consents } = await shown({ list, test });
	await press("[data-remedy='review']");
	assert.equal(text("h2"), "Review OpenAI");
	assert.equal(find("#provider-address"), null, "its variables determine it");
	assert.equal(document.activeElement?.id, "consent-question");
	await press("#give-consent");
	assert.deepEqual(
		tested.map((form) => [form.id, form.key.type, form.consent]),
		[
			["openai", "keep", null],
			["openai", "keep", CONSENT],
		],
	);
	assert.equal(document.activeElement?.id, "save-provider", "nothing else is left to do");
	assert.deepEqual(consents, [], "it is not saved yet");
	const form = find("#provider-form");
	form?.dispatchEvent(new page.Event("submit", { bubbles: true, cancelable: true }));
	await settled();
	assert.deepEqual(consents, [["openai", CONSENT]]);
	assert.deepEqual(saved, []);
	assert.equal(text("h2"), "Providers");
});
