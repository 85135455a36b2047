/** A document to show answers in, and services that remember what was asked of them. */
import assert from "node:assert/strict";
import type { Block, Inline, MathNode, Patch, Token } from "../src/ipc/bindings";
import { applyPatches } from "../src/markdown/patches";
import type { MarkdownServices } from "../src/markdown/services";
import { MarkdownView } from "../src/markdown/view";

// Not bundled with the tests: it is too large, and not made for it.
const load = (name: string): Promise<typeof import("happy-dom")> => import(name);
const { Window } = await load("happy-dom");
const page = new Window();

/** What an observer has been told to watch; a test says what comes near. */
export const observed = new Set<Element>();
const observers = new Set<IntersectionObserverCallback>();

const frames: (() => void)[] = [];

/** Lets a frame pass; false when nothing waits for one. */
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

// After the globals: they make observers.
const { Highlighter } = await import("../src/markdown/highlighter");
const { OverflowObserver } = await import("../src/markdown/overflow-observer");

/** Has these come near to what is seen, and waits until all that follows at once has happened. */
export async function comeNear(...elements: readonly Element[]): Promise<void> {
	notifyObservers(elements, true);
	await settled();
}

/** Has these go far from what is seen. */
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

/** A view on a host of its own in the document. */
export function mounted(behaviour: Behaviour = {}, blocks: readonly Block[] = []) {
	const host = document.createElement("div");
	document.body.append(host);
	const asked = services(behaviour);
	const view = new StreamedView(host, asked.all);
	view.show(blocks);
	return { host, view, ...asked };
}

/** Shows what patches make of what it shows, as the transcript does. */
export class StreamedView extends MarkdownView {
	#told: readonly Block[] = [];

	override show(blocks: readonly Block[]): void {
		super.show(blocks, "written");
		while (passFrame());
		this.#told = blocks;
	}

	apply(...patches: Patch[]): void {
		this.show(applyPatches(this.#told, patches));
	}
}

/** What the blocks look like when they are shown at once. */
export function shownAtOnce(blocks: readonly Block[]): HTMLElement {
	return mounted({}, blocks).host;
}

/** The element of the host that the selector means; fails when there is none. */
export function find(host: Element, selector: string): HTMLElement {
	const found = host.querySelector<HTMLElement>(selector);
	if (found === null) throw new Error(`there is no ${selector} in ${host.outerHTML}`);
	return found;
}

/**
 * Fails unless these are the same nodes. A deep comparison would go through the whole document, and so
 * would a report of what differs.
 */
export function assertSame(
	actual: readonly unknown[],
	expected: readonly unknown[],
	reason = "not the same nodes",
): void {
	assert.equal(actual.length, expected.length, reason);
	for (const [at, node] of actual.entries()) assert.ok(node === expected[at], `${reason}: ${at}`);
}

/** An event of the page's own kinds, which its nodes insist on. */
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
