import assert from "node:assert/strict";
import { test } from "node:test";
import { signal } from "@preact/signals-core";
import { ParameterFields } from "../src/features/parameters/fields";
import { NO_PARAMETERS, type Taker } from "../src/features/parameters/parameters";
import type { Parameters as Wire } from "../src/ipc/bindings";

// Not bundled with the tests: it is too large, and not made for it.
const load = (name: string): Promise<typeof import("happy-dom")> => import(name);
const { Window } = await load("happy-dom");
const page = new Window();
const { document, Element, Node, HTMLElement, Text, Comment } = page;
const addEventListener = page.addEventListener.bind(page);
Object.assign(globalThis, { window: page, document, addEventListener });
Object.assign(globalThis, { Element, Node, HTMLElement, Text, Comment });
// lit needs the document when it is loaded.
const { render } = await import("lit-html");
const { notTaken, parameterFields } = await import("../src/features/parameters/view");

const MODEL: Taker = {
	name: "Claude",
	efforts: ["low", "max"],
	sampling: "never",
	refused: ["stop"],
};

/** The fields for a conversation with these parameters. */
function shown(model: Taker | undefined, parameters: Wire = NO_PARAMETERS) {
	const root = document.createElement("div") as unknown as HTMLElement;
	const fields = new ParameterFields(signal(parameters), async () => {});
	render(parameterFields("p", fields, NO_PARAMETERS, model), root);
	const texts = (selector: string) =>
		[...root.querySelectorAll(selector)].map((element) => element.textContent?.trim());
	return { labels: texts("label"), efforts: texts("option"), help: texts("#p-temperature-help") };
}

test("only the fields that the model takes are shown, and the rest is named", () => {
	assert.equal(shown(undefined).labels.length, 6);
	const { labels, efforts } = shown(MODEL);
	assert.deepEqual(labels, ["System prompt", "Max tokens", "Reasoning effort"]);
	assert.deepEqual(efforts, ["Provider default", "Low", "Maximum"]);
	assert.equal(notTaken(MODEL), "Claude takes no temperature, top-p, or stop sequences.");
	assert.equal(notTaken({ ...MODEL, sampling: null, refused: [] }), null);
	assert.equal(notTaken(undefined), null);
});

test("an effort of another model stays the chosen one", () => {
	const { efforts } = shown(MODEL, { ...NO_PARAMETERS, reasoningEffort: "none" });
	assert.deepEqual(efforts, ["Provider default", "Off", "Low", "Maximum"]);
});

test("a model that samples only without thinking says so", () => {
	const help = (sampling: Taker["sampling"]) => shown({ ...MODEL, sampling }).help.join();
	assert.match(help("without_thinking"), /while it thinks/);
	assert.doesNotMatch(help("always"), /while it thinks/);
});
