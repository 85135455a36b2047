import assert from "node:assert/strict";
import { test } from "node:test";
import type { Token } from "../src/ipc/bindings";
import type { CodeBlock } from "../src/markdown/code";
import { splitControls, withVisibleControls } from "../src/markdown/controls";
import { Lru } from "../src/markdown/lru";
import {
	assertSame,
	code,
	comeNear,
	event,
	find,
	mounted,
	observed,
	paragraph,
	passFrame,
	settled,
} from "./markdown-dom";

const TOKENS: Token[] = [
	{ kind: "keyword", text: "let" },
	{ kind: "plain", text: " a = " },
	{ kind: "number", text: "1" },
	{ kind: "plain", text: ";\n" },
];
const lines = (text: string) => `<span class="lines">${text}</span>`;

const COLORED = lines(
	'<span class="tok-keyword">let</span> a = <span class="tok-number">1</span>;\n',
);
const LET = code("rust", "let a = 1;\n");

test("code gets its colours when it is closed and comes near, and not before", async () => {
	const { host, view, highlighted } = mounted({ highlight: async () => TOKENS }, [
		code("rust", "let a = 1;\n", false),
	]);
	const figure = find(host, "figure");
	await comeNear(figure);
	assert.deepEqual(highlighted, [], "it is open");
	view.show([LET]);
	await settled();
	assert.deepEqual(highlighted, [], "it is far away");
	assert.ok(observed.has(figure));
	await comeNear(figure);
	assert.deepEqual(highlighted, [["rust", "let a = 1;\n"]]);
	assert.equal(find(host, "code").innerHTML, COLORED);
	assert.ok(!observed.has(figure), "nothing more is expected of it");
});

test("code that is reopened before it is near is not highlighted", async () => {
	const { host, view, highlighted } = mounted({}, [LET]);
	view.show([code("rust", "let a = 1;\nlet", false)]);
	await comeNear(find(host, "figure"));
	assert.deepEqual(highlighted, []);
});

test("the same code is highlighted once, and again only after a failure", async () => {
	let fails = true;
	const highlight = async () => {
		if (fails) throw new Error("busy");
		return TOKENS;
	};
	const { host, view, highlighted } = mounted({ highlight }, [LET]);
	await comeNear(find(host, "figure"));
	assert.equal(find(host, "code").innerHTML, lines("let a = 1;\n"));
	fails = false;
	view.show([]);
	view.show([LET, LET]);
	await comeNear(...host.querySelectorAll("figure"));
	while (passFrame());
	assert.equal(highlighted.length, 2);
	for (const node of host.querySelectorAll("code")) assert.equal(node.innerHTML, COLORED);
});

test("colours of code that has changed meanwhile are not put", async () => {
	let answer: (tokens: Token[]) => void = () => {};
	const highlight = () => new Promise<Token[]>((resolve) => (answer = resolve));
	const { host, view } = mounted({ highlight }, [LET]);
	await comeNear(find(host, "figure"));
	view.show([code("rust", "var b = 2;\n", false)]);
	answer(TOKENS);
	await settled();
	assert.equal(find(host, "code").innerHTML, lines("var b = 2;\n"));
});

test("code that opens again after it had colours is plain, and gets new ones", async () => {
	const { host, view, highlighted } = mounted({ highlight: async () => TOKENS }, [LET]);
	await comeNear(find(host, "figure"));
	view.show([code("rust", "let a = 1;\nlet", false)]);
	assert.equal(find(host, "code").innerHTML, lines("let a = 1;\nlet"));
	view.apply({ type: "grow", at: 0, text: " b" });
	assert.equal(find(host, "code").textContent, "let a = 1;\nlet b");
	view.show([code("rust", "let a = 1;\nlet b\n")]);
	await comeNear(find(host, "figure"));
	assert.equal(highlighted.at(-1)?.[1], "let a = 1;\nlet b\n");
});

test("what is shown again as it is keeps its colours", async () => {
	const { host, view, highlighted } = mounted({ highlight: async () => TOKENS }, [LET]);
	await comeNear(find(host, "figure"));
	view.show([structuredClone(LET), paragraph("more")]);
	assert.equal(find(host, "code").innerHTML, COLORED);
	view.show([paragraph("less"), structuredClone(LET)]);
	await comeNear(find(host, "figure"));
	view.show([paragraph("new"), structuredClone(LET)]);
	assert.equal(find(host, "code").innerHTML, COLORED, "what comes before it has changed");
	assert.equal(highlighted.length, 1);
});

test("the colours wait until nothing is selected in the code", async () => {
	const { host } = mounted({ highlight: async () => TOKENS }, [LET, paragraph("after")]);
	const selection = document.getSelection() as Selection;
	const first = find(host, ".lines").firstChild as Text;
	selection.setBaseAndExtent(first, 1, first, 4);
	await comeNear(find(host, "figure"));
	assert.equal(find(host, "code").innerHTML, lines("let a = 1;\n"));
	document.dispatchEvent(event("selectionchange"));
	assert.equal(find(host, "code").innerHTML, lines("let a = 1;\n"), "still selected");
	const after = find(host, "p").firstChild as Text;
	selection.setBaseAndExtent(after, 0, after, 2);
	document.dispatchEvent(event("selectionchange"));
	passFrame();
	assert.equal(find(host, "code").innerHTML, COLORED);
	selection.removeAllRanges();
});

const LONG = "let a = 1;\n".repeat(500);

/** Two tokens, of two thirds and one third of the text; no piece ends where the first one does. */
const LONG_TOKENS: Token[] = [
	{ kind: "comment", text: LONG.slice(0, (LONG.length / 3) * 2) },
	{ kind: "keyword", text: LONG.slice((LONG.length / 3) * 2) },
];

test("long code gets its colours a piece a frame, and stays what it is", async () => {
	const { host } = mounted({ highlight: async () => LONG_TOKENS }, [code("rust", LONG)]);
	const pieces = [...host.querySelectorAll(".lines")];
	const colored = () => pieces.filter((piece) => piece.querySelector("[class]") !== null).length;
	assert.ok(pieces.length >= 3);
	await comeNear(find(host, "figure"));
	for (let frame = 1; frame <= pieces.length; frame++) {
		assert.equal(colored(), frame);
		assert.equal(find(host, "code").textContent, LONG);
		assert.ok(passFrame());
	}
	passFrame();
	assert.ok(!passFrame(), "it is done");
	const kinds = [...host.querySelectorAll("code [class^=tok]")].map((span) => span.className);
	assert.deepEqual([...new Set(kinds)], ["tok-comment", "tok-keyword"]);
});

test("many blocks that come near at once get their colours one after the other", async () => {
	const { host } = mounted({ highlight: async () => TOKENS }, [LET, LET, LET]);
	const colored = () => host.querySelectorAll(".lines:has(> [class^=tok])").length;
	await comeNear(...host.querySelectorAll("figure"));
	for (const count of [1, 2, 3]) {
		while (colored() < count) assert.ok(passFrame());
		assert.equal(colored(), count);
	}
});

/** Returns the host of code that was streamed `step` characters at a time. */
function written(text: string, step: number): Element {
	const { host, view } = mounted({}, [code(null, "", false)]);
	const characters = [...text];
	for (let at = 0; at < characters.length; at += step) {
		view.apply({ type: "grow", at: 0, text: characters.slice(at, at + step).join("") });
	}
	return host;
}

/** A line of 9,000 characters after a short one, then one of 4,000 (the maximum of one box), and a longer one. */
const LONG_LINES = `a\n${"👩".repeat(4500)}\n${"b".repeat(3999)}\n${"c".repeat(4500)}\nd\n`;

test("a long line stands in parts side by side, however it came", () => {
	const once = mounted({}, [code(null, LONG_LINES, false)]).host;
	const boxes = [...once.querySelectorAll("code > .lines")];
	const lengths = boxes.map((box) => box.textContent?.length);
	assert.deepEqual(lengths, [2, 9001, 4000, 4501, 2]);
	const parts = boxes.map((box) => [...box.children].map((part) => part.textContent?.length));
	assert.deepEqual(parts, [[], [2000, 2000, 2000, 2000, 1001], [], [2000, 2000, 501], []]);
	for (const step of [1, 7, 3000]) {
		const host = written(LONG_LINES, step);
		assert.ok(host.isEqualNode(once), `in steps of ${step}`);
		assert.equal(find(host, "code").textContent, LONG_LINES);
	}
});

test("a long line gets its colours part by part", async () => {
	const tokens: Token[] = [
		{ kind: "comment", text: LONG_LINES.slice(0, 5000) },
		{ kind: "keyword", text: LONG_LINES.slice(5000) },
	];
	const { host } = mounted({ highlight: async () => tokens }, [code("rust", LONG_LINES)]);
	await comeNear(find(host, "figure"));
	while (passFrame());
	const colored = [...host.querySelectorAll("[class^=tok]")].map(({ className }) => className);
	assert.deepEqual(colored, [...Array(4).fill("tok-comment"), ...Array(8).fill("tok-keyword")]);
	assert.equal(find(host, "code").textContent, LONG_LINES);
});

test("highlighting pauses while code is selected and stops when it changes", async () => {
	const { host, view } = mounted({ highlight: async () => LONG_TOKENS }, [code("rust", LONG)]);
	await comeNear(find(host, "figure"));
	const colored = () => host.querySelectorAll(".lines:has(> [class^=tok])").length;
	const selection = document.getSelection() as Selection;
	const last = find(host, ".lines:last-child").firstChild as Text;
	selection.setBaseAndExtent(last, 0, last, 3);
	passFrame();
	assert.equal(colored(), 1);
	selection.removeAllRanges();
	document.dispatchEvent(event("selectionchange"));
	passFrame();
	assert.equal(colored(), 2);
	view.show([code("rust", `${LONG}let`, false)]);
	passFrame();
	assert.equal(colored(), 0);
	assert.equal(find(host, "code").textContent, `${LONG}let`);
});

test("colours that are not those of the code take nothing of it away", async () => {
	const tokens: Token[] = [{ kind: "keyword", text: "let" }];
	const { host } = mounted({ highlight: async () => tokens }, [LET]);
	await comeNear(find(host, "figure"));
	assert.equal(find(host, "code").textContent, "let a = 1;\n");
});

test("code without a language, or of an unknown one, still shows its controls", async () => {
	const text = "user\u202e \u2066// admin\u2069\n";
	const { host, highlighted } = mounted({}, [code(null, text), code("odd", text)]);
	await comeNear(...host.querySelectorAll("figure"));
	assert.deepEqual(highlighted, [
		["", text],
		["odd", text],
	]);
	for (const shown of host.querySelectorAll("code")) {
		assert.deepEqual(
			[...shown.querySelectorAll(".tok-control")].map((badge) => badge.getAttribute("data-name")),
			["U+202E", "U+2066", "U+2069"],
		);
		assert.equal(shown.textContent, text, "a selection copies what was written");
	}
});

test("controls are shown while the code is being written, wherever it was cut", () => {
	const whole = `user\u202e \u2066// admin\u2069\n${"let a = 1;\n".repeat(300)}\u{e0041}b\u2069c`;
	const once = mounted({}, [code(null, whole, false)]).host;
	const names = (host: Element) =>
		[...host.querySelectorAll(".tok-control")].map((badge) => badge.getAttribute("data-name"));
	assert.deepEqual(names(once), ["U+202E", "U+2066", "U+2069", "U+E0041", "U+2069"]);
	for (const step of [1, 3, 2100]) {
		const host = written(whole, step);
		assert.ok(host.isEqualNode(once), `in steps of ${step}`);
		assert.equal(find(host, "code").textContent, whole);
	}
});

test("a control of several characters is named one by one, those beyond 16 bits too", async () => {
	const keyword: Token = { kind: "keyword", text: "let" };
	const tokens: Token[] = [{ kind: "control", text: "\u202e\u{e0041}" }, keyword];
	const { host } = mounted({ highlight: async () => tokens }, [code("", "\u202e\u{e0041}let")]);
	await comeNear(find(host, "figure"));
	assert.deepEqual(
		[...host.querySelectorAll(".tok-control")].map((badge) => badge.getAttribute("data-name")),
		["U+202E", "U+E0041"],
	);
});

test("controls are found, and what only looks like one is not", () => {
	assert.equal(withVisibleControls("a\u202eb\u200b\u3164\0"), "aU+202EbU+200BU+3164U+0000");
	for (const text of ["a\tb\r\n", "👩‍🔬", "می‌خواهم", "é", "؀"]) {
		assert.equal(withVisibleControls(text), text);
	}
	const text = "\u2066a\u2069\u2069b";
	assert.equal(
		splitControls(text)
			.map(({ text }) => text)
			.join(""),
		text,
	);
	assert.deepEqual(splitControls(""), []);
});

test("copy gives the code as it was written, also when it has colours and badges", async (t) => {
	const { host, copied } = mounted({}, [code("rust", "let \u202ea = 1;\n")]);
	await comeNear(find(host, "figure"));
	assert.ok(host.querySelector(".tok-control") !== null);
	t.mock.timers.enable({ apis: ["setTimeout"] });
	const button = copyButton(host);
	button.click();
	const status = find(host, "[role=status]");
	await told();
	assert.deepEqual(copied, ["let \u202ea = 1;"], "all but the end of the last line");
	assert.equal(button.textContent, "Copied");
	assert.equal(status.textContent, "Copied", "it is announced");
	t.mock.timers.tick(1000);
	button.click();
	await told();
	t.mock.timers.tick(1500);
	assert.equal(button.textContent, "Copied", "the second time counts");
	t.mock.timers.tick(1000);
	assert.equal(button.textContent, "Copy");
	assert.equal(status.textContent, "");
});

test("a copy that failed says so", async () => {
	const copy = () => Promise.reject(new Error("denied"));
	const { host } = mounted({ copy }, [LET]);
	copyButton(host).click();
	await settled();
	assert.equal(find(host, "[role=status]").textContent, "Not copied");
});

test("copy gives what has grown since", async () => {
	const { host, view, copied } = mounted({}, [code("rust", "let", false)]);
	view.apply({ type: "grow", at: 0, text: " a" });
	copyButton(host).click();
	await settled();
	assert.deepEqual(copied, ["let a"]);
});

test("long lines are wrapped on demand, and stay so while the code grows", () => {
	const { host, view } = mounted({}, [code("rust", "let", false)]);
	const figure = find(host, "figure");
	const button = find(host, "[aria-pressed]");
	assert.equal(button.getAttribute("aria-pressed"), "false");
	button.click();
	assert.equal(button.getAttribute("aria-pressed"), "true");
	view.show([LET]);
	assert.ok(figure.classList.contains("wrap"));
	button.click();
	assert.equal(button.getAttribute("aria-pressed"), "false");
	assert.ok(!figure.classList.contains("wrap"));
});

test("a fence whose language is still being written is named anew", () => {
	const { host, view } = mounted({}, [code("ru", "", false)]);
	const figure = find(host, "figure");
	view.show([code("rust", "", false)]);
	assertSame([find(host, "figure")], [figure]);
	assert.equal(find(host, ".language").textContent, "Rust");
	assert.equal(find(host, "pre").getAttribute("aria-label"), "Code, Rust");
});

test("what was used last is remembered, within the limit", () => {
	const known = new Lru<CodeBlock | number>(4);
	known.set("aa", 1);
	known.set("bb", 2);
	assert.equal(known.get("aa"), 1);
	known.set("cc", 3);
	assert.equal(known.get("bb"), undefined, "not used for longest");
	assert.equal(known.get("aa"), 1);
	known.set("aa", 4);
	assert.equal(known.get("cc"), 3, "the same key does not count twice");
	known.set("too long", 5);
	assert.deepEqual([known.get("too long"), known.get("aa")], [undefined, undefined]);
	known.set("dddd", 6);
	assert.equal(known.get("dddd"), 6);
});

/** Flushes pending microtasks, also while timers are mocked. */
async function told(): Promise<void> {
	for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

function copyButton(host: Element): HTMLElement {
	const buttons = [...host.querySelectorAll<HTMLElement>("figcaption > button")];
	const button = buttons.find(({ textContent }) => /cop/i.test(textContent ?? ""));
	if (button === undefined) throw new Error("there is no button to copy");
	return button;
}
