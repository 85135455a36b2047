/** A document to render answers in, and services that record their calls. */
import assert from "node:assert/strict";
import type { Block, Inline, MathNode, Patch, Token } from "../src/ipc/bindings";
import { applyPatches } from "../src/markdown/patches";
import type { MarkdownServices } from "../src/markdown/services";
import { MarkdownView } from "../src/markdown/view";

// Not bundled with the tests: it is too large, and not made for it.
const load = (name: string): Promise<typeof import("happy-dom")> => import(name);
const { Window } = await load("happy-dom");
const page = new Window();

/** The elements under observation; a test decides when they come near the viewport. */
export const observed = new Set<Element>();
const observers = new Set<IntersectionObserverCallback>();

const frames: (() => void)[] = [];

/** Runs one frame; returns false if no callback was waiting for it. */
export function passFrame(): boolean {
	const waiting = frames.splice(0);
	for (const frame of waiting) frame();
	return waiting.length > 0;
}

class FakeIntersectionObserver {
	constructor(callback: IntersectionObserverCallback) {
		observers.add(callback);
	}
	observe(element: Element): void {
		observed.add(element);
	}
	unobserve(element: Element): void {
		observed.delete(element);
	}
}

Object.assign(globalThis, {
	window: page,
	document: page.document,
	Element: page.Element,
	Node: page.Node,
	IntersectionObserver: FakeIntersectionObserver,
	requestAnimationFrame: (frame: () => void) => frames.push(frame),
});

// Loaded after the globals, because they create observers.
const { Highlighter } = await import("../src/markdown/highlighter");
const { OverflowObserver } = await import("../src/markdown/overflow-observer");

/** Brings the elements near the viewport, and waits until the immediate effects have settled. */
export async function comeNear(...elements: readonly Element[]): Promise<void> {
	notifyObservers(elements, true);
	await settled();
}

/** Moves the elements far from the viewport. */
export function goFar(...elements: readonly Element[]): void {
	notifyObservers(elements, false);
}

function notifyObservers(elements: readonly Element[], isIntersecting: boolean): void {
	const entries = elements.map((target) => ({ target, isIntersecting }));
	for (const tell of observers) {
		tell(entries as unknown as IntersectionObserverEntry[], undefined as never);
	}
}

export function settled(): Promise<void> {
	return new Promise((resolve) => setTimeout(resolve));
}

interface Behaviour {
	highlight?(language: string, text: string): Promise<readonly Token[] | null>;
	loadImage?(destination: string): Promise<string>;
	copy?(text: string): Promise<void>;
}

export function services(behaviour: Behaviour = {}) {
	const opened: string[] = [];
	const loaded: string[] = [];
	const copied: string[] = [];
	const highlighted: [string, string][] = [];
	const all: MarkdownServices = {
		openLink: (destination) => void opened.push(destination),
		loadImage: async (destination) => {
			loaded.push(destination);
			return behaviour.loadImage?.(destination) ?? "blob:image";
		},
		copy: async (text) => {
			copied.push(text);
			await behaviour.copy?.(text);
		},
		preserveScroll: (change) => change(),
		highlighter: new Highlighter(async (language, text) => {
			highlighted.push([language, text]);
			return behaviour.highlight?.(language, text) ?? null;
		}),
		overflow: new OverflowObserver(),
	};
	return { all, opened, loaded, copied, highlighted };
}

/** Mounts a view on a new host in the document. */
export function mounted(behaviour: Behaviour = {}, blocks: readonly Block[] = []) {
	const host = document.createElement("div");
	document.body.append(host);
	const asked = services(behaviour);
	const view = new StreamedView(host, asked.all);
	view.show(blocks);
	return { host, view, ...asked };
}

/** A view that applies patches to its blocks, as the transcript does. */
export class StreamedView extends MarkdownView {
	#blocks: readonly Block[] = [];

	override show(blocks: readonly Block[]): void {
		super.show(blocks, "written");
		while (passFrame());
		this.#blocks = blocks;
	}

	apply(...patches: Patch[]): void {
		this.show(applyPatches(this.#blocks, patches));
	}
}

/** Returns the host of the blocks rendered in one call, without streaming. */
export function shownAtOnce(blocks: readonly Block[]): HTMLElement {
	return mounted({}, blocks).host;
}

/** Returns the first element in the host that matches the selector; throws if there is none. */
export function find(host: Element, selector: string): HTMLElement {
	const found = host.querySelector<HTMLElement>(selector);
	if (found === null) throw new Error(`there is no ${selector} in ${host.outerHTML}`);
	return found;
}

/**
 * Fails unless these are the same nodes. A deep comparison would traverse the whole document, and so would
 * a diff in the failure message.
 */
export function assertSame(
	actual: readonly unknown[],
	expected: readonly unknown[],
	reason = "not the same nodes",
): void {
	assert.equal(actual.length, expected.length, reason);
	for (const [at, node] of actual.entries()) assert.ok(node === expected[at], `${reason}: ${at}`);
}

/** Returns an event of the page's own class, which its nodes require. */
export function event(type: string, details: Record<string, unknown> = {}): Event {
	const made = new page.Event(type, { bubbles: true, cancelable: true });
	return Object.assign(made, details) as unknown as Event;
}

export const text = (text: string): Inline => ({ type: "text", text });

export const paragraph = (...inlines: (Inline | string)[]): Block => ({
	type: "paragraph",
	inlines: inlines.map((inline) => (typeof inline === "string" ? text(inline) : inline)),
});

export const code = (language: string | null, text: string, closed = true): Block => ({
	type: "code",
	language,
	text,
	closed,
});

export const bullets = (...items: Block[][]): Block => ({
	type: "list",
	start: null,
	tight: true,
	items: items.map((blocks) => ({ checked: null, blocks })),
});

export const mathElement = (name: string, ...children: (MathNode | string)[]): MathNode => ({
	type: "element",
	name,
	attributes: [],
	children: children.map((child) =>
		typeof child === "string" ? { type: "text", text: child } : child,
	),
});
