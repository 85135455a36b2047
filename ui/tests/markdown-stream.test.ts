import assert from "node:assert/strict";
import { test } from "node:test";
import type { Block, Inline, Patch } from "../src/ipc/bindings";
import { applyPatches } from "../src/markdown/patches";
import { isEqual } from "../src/markdown/reconcile";
import { assertSame, bullets, code, mounted, paragraph, shownAtOnce, text } from "./markdown-dom";
import { beginning, document as generated, length, random } from "./markdown-generated";

/** Returns the patches from `told` to `now`, as the core sends them. */
function patch(told: readonly Block[], now: readonly Block[]): Patch[] {
	const from = kept(told, now);
	const [was, is] = [told[from], now[from]];
	const patches = was && is ? within(from, was, is) : null;
	const rest = patches === null ? from : from + 1;
	if (rest < told.length || rest < now.length) {
		const replace: Patch = { type: "replace", from: rest, blocks: now.slice(rest) };
		return structuredClone([...(patches ?? []), replace]);
	}
	return structuredClone(patches ?? []);
}

function kept(told: readonly unknown[], now: readonly unknown[]): number {
	let from = 0;
	while (from < told.length && from < now.length && isEqual(told[from], now[from])) from++;
	return from;
}

function within(at: number, was: Block, is: Block): Patch[] | null {
	if (was.type === "code" && is.type === "code") {
		if (was.closed || was.language !== is.language || !is.text.startsWith(was.text)) return null;
		const grow: Patch = { type: "grow", at, text: is.text.slice(was.text.length) };
		return [
			...(grow.text === "" ? [] : [grow]),
			...(is.closed ? [{ type: "close" as const, at }] : []),
		];
	}
	if (was.type === "paragraph" && is.type === "paragraph") {
		const from = kept(was.inlines, is.inlines);
		const [[told, ...gone], [now, ...more]] = [was.inlines.slice(from), is.inlines.slice(from)];
		const isLast = gone.length === 0 && more.length === 0;
		if (isLast && told?.type === "text" && now?.type === "text" && now.text.startsWith(told.text)) {
			return [{ type: "grow", at, text: now.text.slice(told.text.length) }];
		}
		return from > 0 ? [{ type: "inlines", at, from, inlines: is.inlines.slice(from) }] : null;
	}
	if (was.type === "quote" && is.type === "quote") {
		return [{ type: "within", at, patches: patch(was.blocks, is.blocks) }];
	}
	if (was.type === "list" && is.type === "list" && isEqual({ ...was, items: is.items }, is)) {
		let from = kept(was.items, is.items);
		const [told, now] = [was.items[from], is.items[from]];
		const patches: Patch[] = [];
		if (from === was.items.length - 1 && told && now && told.checked === now.checked) {
			patches.push({ type: "within", at, patches: patch(told.blocks, now.blocks) });
			from++;
		}
		if (from < was.items.length || from < is.items.length) {
			patches.push({ type: "items", at, from, items: is.items.slice(from) });
		}
		return patches;
	}
	if (was.type === "table" && is.type === "table" && isEqual({ ...was, rows: is.rows }, is)) {
		const from = kept(was.rows, is.rows);
		return [{ type: "rows", at, from, rows: is.rows.slice(from) }];
	}
	return null;
}

test("patched blocks look like blocks shown at once", () => {
	for (let seed = 1; seed <= 12; seed++) {
		const dice = random(seed);
		const { host, view } = mounted();
		let told: readonly Block[] = [];
		const whole = generated(dice, 6);
		const size = length(whole);
		const step = Math.ceil(size / 40);
		for (let to = 1; to < size + step; to += 1 + dice.below(step)) {
			const now = beginning(whole, to);
			const changes = patch(told, now);
			view.apply(...changes);
			told = applyPatches(told, changes);
			assert.deepEqual(told, now, `seed ${seed}: the patch is right`);
			assert.ok(host.isEqualNode(shownAtOnce(now)), `seed ${seed} at ${to}: ${host.innerHTML}`);
		}
	}
});

test("any document becomes any other", () => {
	for (let seed = 1; seed <= 40; seed++) {
		const dice = random(seed);
		const { host, view } = mounted();
		let told: readonly Block[] = [];
		for (let turn = 0; turn < 4; turn++) {
			// Half of them begin with blocks of `told`, so that a patch keeps some.
			const kept = dice.below(2) === 0 ? told.slice(0, dice.below(told.length + 1)) : [];
			const now = [...kept, ...generated(dice, 3)];
			view.apply(...patch(told, now));
			told = now;
			assert.ok(host.isEqualNode(shownAtOnce(now)), `seed ${seed}, turn ${turn}`);
		}
	}
});

test("whatever of a block changes is shown", () => {
	const list: Block = bullets([paragraph("a")]);
	const table = {
		type: "table",
		alignments: ["none"],
		header: [[text("a")]],
		rows: [[[text("b")]]],
	} satisfies Block;
	const link = {
		type: "link",
		destination: "a",
		title: "",
		host: "a",
		inlines: [],
	} satisfies Inline;
	const image = { type: "image", destination: "a", title: "", host: "a", alt: "" } satisfies Inline;
	const footnotes = (number: number): Block => ({
		type: "footnotes",
		notes: [{ number, blocks: [paragraph("a")] }],
	});
	const heading = (level: number): Block => ({ type: "heading", level, inlines: [text("a")] });
	const math = (source: string): Block => ({ type: "math", math: { source, tree: null } });
	const task = (checked: boolean | null): Block => ({
		...(list as typeof list & { type: "list" }),
		items: [{ checked, blocks: [paragraph("a")] }],
	});
	const changes: [Block, Block][] = [
		[heading(1), heading(2)],
		[code("a", "b"), code("c", "b")],
		[code("a", "b"), code("a", "b", false)],
		[code("a", "b", false), code("a", "b")],
		[code("a", "b"), code("a", "c")],
		[math("a"), math("b")],
		[list, { ...list, start: 1 } as Block],
		[{ ...list, start: 1 } as Block, { ...list, start: 2 } as Block],
		[list, { ...list, tight: false } as Block],
		[{ ...list, tight: false } as Block, list],
		[task(null), task(true)],
		[task(true), task(false)],
		[table, { ...table, alignments: ["left"] }],
		[table, { ...table, header: [[text("c")]] }],
		[table, { ...table, rows: [] }],
		[
			{ type: "html", text: "<a" },
			{ type: "html", text: "<b" },
		],
		[footnotes(1), footnotes(2)],
		[paragraph(link), paragraph({ ...link, title: "b" })],
		[paragraph(link), paragraph({ ...link, destination: "b" })],
		[paragraph(link), paragraph({ ...link, host: null })],
		[paragraph(link), paragraph({ ...link, inlines: [text("b")] })],
		[paragraph(image), paragraph({ ...image, alt: "b" })],
		[paragraph({ type: "code", text: "a" }), paragraph({ type: "code", text: "b" })],
		[paragraph({ type: "html", text: "a" }), paragraph({ type: "html", text: "b" })],
		[paragraph({ type: "softBreak" }), paragraph({ type: "hardBreak" })],
		[
			paragraph({ type: "footnoteReference", number: 1 }),
			paragraph({ type: "footnoteReference", number: 2 }),
		],
	];
	for (const [was, now] of changes) {
		// At the top level, and nested.
		for (const around of [
			(block: Block) => [block],
			(block: Block) => [bullets([block, paragraph("end")])],
		]) {
			const { host, view } = mounted({}, around(was));
			view.show(around(now));
			assert.ok(host.isEqualNode(shownAtOnce(around(now))), `${JSON.stringify([was, now])}`);
		}
	}
});

test("what did not change keeps its nodes", () => {
	const { host, view } = mounted({}, [paragraph("one"), code("rust", "two\n"), paragraph("three")]);
	const [one, two, three] = host.childNodes;
	view.apply({ type: "replace", from: 2, blocks: [paragraph("three, and"), paragraph("four")] });
	assertSame([...host.childNodes].slice(0, 3), [one, two, three]);
	assert.equal(host.childNodes.length, 4);
	view.apply({ type: "replace", from: 1, blocks: [] });
	assertSame([...host.childNodes], [one]);
});

test("inside of what changed, too", () => {
	const strong: Inline = { type: "strong", inlines: [text("b")] };
	const { host, view } = mounted({}, [bullets([paragraph("a", strong)], [paragraph("c")])]);
	const nodes = () => ["li", "li > p", "strong"].map((name) => host.querySelector(name));
	const before = [...nodes(), host.querySelector("li > p")?.firstChild];
	const last = bullets([paragraph("c, d")]);
	view.show([bullets([paragraph("a", strong)], [paragraph("c"), last])]);
	assertSame([...nodes(), host.querySelector("li > p")?.firstChild], before);
	assert.equal(host.textContent, "abcc, d");
});

test("what follows a change keeps its nodes, too", () => {
	const image = { type: "image", destination: "a", title: "", host: "b", alt: "c" } as const;
	const formula = { type: "math", math: { source: "x", tree: null } } as const;
	const rest: Inline[] = [{ type: "code", text: "d" }, image, formula, { type: "hardBreak" }];
	const { host, view } = mounted({}, [paragraph("a", ...rest), { type: "rule" }]);
	const nodes = () => [...host.querySelectorAll("p > *"), host.lastChild];
	const before = nodes();
	view.show([paragraph("b", ...structuredClone(rest)), { type: "rule" }]);
	assert.equal(host.querySelector("p")?.firstChild?.textContent, "b");
	assertSame(nodes(), before);
});

test("text that grows is added to, and what it begins with keeps the selection", () => {
	const { host, view } = mounted({}, [paragraph("Hello")]);
	const node = host.querySelector("p")?.firstChild as Text;
	const calls = counted(() => view.show([paragraph("Hello, you")]));
	assertSame([host.querySelector("p")?.firstChild], [node]);
	const { previousSibling, ...changes } = calls;
	assert.deepEqual(changes, { appendData: 1, written: 5 });
	// An asterisk that turns out to be emphasis removes only itself.
	view.show([paragraph("Hello, *you")]);
	const emphasis: Inline = { type: "emphasis", inlines: [text("you")] };
	const less = counted(() => view.show([paragraph("Hello, ", emphasis)]));
	assertSame([host.querySelector("p")?.firstChild], [node]);
	assert.equal(less.written, "you".length);
	assert.equal(host.textContent, "Hello, you");
});

test("code that grows is added to, and neither its header nor its lines are made anew", () => {
	const { host, view } = mounted({}, [paragraph("a"), code("rust", "fn", false)]);
	const figure = host.lastElementChild;
	view.apply({ type: "grow", at: 1, text: " main" });
	assertSame([host.lastElementChild], [figure]);
	assert.equal(host.querySelector("pre")?.textContent, "fn main");
	const calls = counted(() => view.apply({ type: "grow", at: 1, text: "()" }));
	assert.deepEqual(calls, { appendData: 1, written: 2 });
	view.apply({ type: "replace", from: 1, blocks: [code("rust", "fn main() {}\n")] });
	assertSame([host.lastElementChild], [figure]);
	assert.equal(host.querySelector("pre")?.textContent, "fn main() {}\n");
});

test("long code is split into boxes of whole lines, wherever its patches were cut", () => {
	const line = `${"x".repeat(79)}\n`;
	const whole = line.repeat(100);
	const once = shownAtOnce([code(null, whole, false)]);
	const boxes = [...once.querySelectorAll(".lines")].map((box) => box.textContent ?? "");
	assert.ok(boxes.length > 3);
	assert.equal(boxes.join(""), whole);
	for (const box of boxes) assert.ok(box.endsWith("\n") && box.length <= 2080, `${box.length}`);
	for (const step of [1, 7, 80, 1999, 2000, 2001, 5000]) {
		const { host, view } = mounted({}, [code(null, "", false)]);
		for (let at = 0; at < whole.length; at += step) {
			view.apply({ type: "grow", at: 0, text: whole.slice(at, at + step) });
		}
		assert.ok(host.isEqualNode(once), `in steps of ${step}`);
	}
});

test("a patch of something else is refused, and changes nothing", () => {
	const { host, view } = mounted({}, [paragraph({ type: "hardBreak" }), { type: "rule" }]);
	const before = host.innerHTML;
	const refused: Patch[] = [
		{ type: "replace", from: 3, blocks: [] },
		{ type: "grow", at: 0, text: "!" },
		{ type: "grow", at: 1, text: "!" },
		{ type: "grow", at: 2, text: "!" },
		{ type: "close", at: 0 },
		{ type: "inlines", at: 0, from: 2, inlines: [] },
		{ type: "inlines", at: 1, from: 0, inlines: [] },
		{ type: "items", at: 1, from: 0, items: [] },
		{ type: "rows", at: 1, from: 0, rows: [] },
		{ type: "within", at: 1, patches: [] },
	];
	for (const patch of refused) {
		const first: Patch = { type: "inlines", at: 0, from: 0, inlines: [{ type: "hardBreak" }] };
		assert.throws(() => view.apply(first, patch), RangeError, JSON.stringify(patch));
		assert.equal(host.innerHTML, before);
	}
});

/** Kinds of growing answers: the blocks at a given length. */
const GROWING: Record<string, (length: number) => Block[]> = {
	"a paragraph": (length) => [paragraph(words(length))],
	"a block of code": (length) => [code("rust", lines(length), false)],
	"a list": (length) => [bullets(...pieces(length).map((piece) => [paragraph(piece)]))],
	"a table": (length) => [
		{
			type: "table",
			alignments: ["none", "right"],
			header: [[text("a")], [text("b")]],
			rows: pieces(length).map((piece) => [[text(piece.slice(0, 50))], [text(piece.slice(50))]]),
		},
	],
	"a quote": (length) => [
		{ type: "quote", blocks: pieces(length).map((piece) => paragraph(piece)) },
	],
	"an answer": (length) =>
		pieces(length).map((piece, index) =>
			index % 3 === 2 ? code("rust", lines(piece.length)) : paragraph(piece),
		),
};

for (const [name, at] of Object.entries(GROWING)) {
	test(`the work for ${name} that grows is in proportion to its length`, () => {
		const [short, long] = [20_000, 200_000].map((length) => work(at, length));
		assert.ok(short !== undefined && long !== undefined && short.written >= 20_000);
		for (const kind of ["written", "calls"] as const) {
			const ratio = long[kind] / short[kind];
			assert.ok(ratio <= 12, `ten times as long: ${ratio} times as many ${kind}`);
		}
		assert.ok(long.written <= 3 * 200_000, `${long.written} characters written for 200000`);
	});
}

/** Returns the DOM calls and the characters written when the answer is shown in steps. */
function work(at: (length: number) => Block[], length: number): { calls: number; written: number } {
	const { view, host } = mounted();
	let told: readonly Block[] = [];
	let calls = 0;
	let written = 0;
	for (let to = 1000; to <= length; to += 1000) {
		const now = at(to);
		const changes = patch(told, now);
		const step = counted(() => view.apply(...changes));
		told = now;
		for (const [name, count] of Object.entries(step)) {
			if (name === "written") written += count;
			else calls += count;
		}
	}
	assert.ok((host.textContent ?? "").length >= length);
	host.remove();
	return { calls, written };
}

/** Counts the calls during `act` that change or traverse the DOM, and the characters written. */
function counted(act: () => void): Record<string, number> {
	const counts: Record<string, number> = {};
	const count = (name: string, by = 1) => {
		counts[name] = (counts[name] ?? 0) + by;
	};
	const undo: (() => void)[] = [];
	// Calls made inside one of them belong to the DOM implementation.
	let isInside = false;
	for (const prototype of lineage(document.createElement("p"), document.createTextNode(""))) {
		for (const name of CALLS) {
			const own = Object.getOwnPropertyDescriptor(prototype, name);
			if (own === undefined) continue;
			const wrapped = { ...own };
			if (own.value !== undefined) wrapped.value = watched(own.value);
			if (own.set !== undefined) wrapped.set = watched(own.set);
			else if (own.get !== undefined) wrapped.get = watched(own.get);
			Object.defineProperty(prototype, name, wrapped);
			undo.push(() => Object.defineProperty(prototype, name, own));
			function watched(call: (...args: unknown[]) => unknown) {
				return function (this: unknown, ...args: unknown[]) {
					if (isInside) return call.apply(this, args);
					count(name);
					const text = name === "replaceData" ? args[2] : args[0];
					if (WRITES.has(name) && typeof text === "string") count("written", text.length);
					isInside = true;
					try {
						return call.apply(this, args);
					} finally {
						isInside = false;
					}
				};
			}
		}
	}
	try {
		act();
	} finally {
		for (const step of undo) step();
	}
	return counts;
}

const WRITES = new Set(["appendData", "replaceData", "data", "createTextNode", "textContent"]);
const CALLS = [
	...WRITES,
	"previousSibling",
	...["createElement", "createElementNS", "appendChild", "insertBefore", "removeChild"],
	...["append", "remove", "replaceWith", "replaceChildren", "setAttribute", "toggleAttribute"],
];

function lineage(...objects: object[]): Set<object> {
	const all = new Set<object>();
	for (const object of [...objects, document]) {
		for (let at = Object.getPrototypeOf(object); at !== null; at = Object.getPrototypeOf(at)) {
			if (at !== Object.prototype) all.add(at);
		}
	}
	return all;
}

function words(length: number): string {
	return "a conch said so ".repeat(length / 16 + 1).slice(0, length);
}

function lines(length: number): string {
	return "let conch = shell();\n".repeat(length / 21 + 1).slice(0, length);
}

function pieces(length: number): string[] {
	const all = words(length);
	return Array.from({ length: Math.ceil(length / 150) }, (_, i) =>
		all.slice(i * 150, i * 150 + 150),
	);
}
