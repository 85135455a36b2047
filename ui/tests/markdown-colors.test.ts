import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

const source = new URL("../../src/", import.meta.url);
const tokens = await readFile(new URL("styles/tokens.css", source), "utf8");
const code = await readFile(new URL("markdown/code.css", source), "utf8");

const pairs = new Map(
	[...tokens.matchAll(/(--[\w-]+): light-dark\((#\w{6}), (#\w{6})\)/g)].map(
		([, name, light, dark]) => [name, [light, dark]] as [string, [string, string]],
	),
);

/** Returns the value of a colour token in the light (0) or dark (1) scheme. */
function colour(name: string, scheme: 0 | 1): string {
	const alias = new RegExp(`${name}: var\\((--[\\w-]+)\\);`).exec(tokens)?.[1];
	const found = pairs.get(alias ?? name)?.[scheme];
	assert.ok(found, name);
	return found;
}

const KINDS = [
	..."comment keyword string number constant function type variable operator".split(" "),
	..."punctuation tag attribute heading inserted deleted control".split(" "),
];

test("code can be read: a contrast of 4.5 or more, by day and by night", () => {
	assert.match(code, /\.code \{[^}]*background: var\(--side\)/);
	for (const kind of KINDS) {
		const rule = new RegExp(`\\.tok-${kind} \\{([^}]*)\\}`).exec(code)?.[1] ?? "";
		const text = /\bcolor: var\((--[\w-]+)\)/.exec(rule)?.[1] ?? "";
		const ground = /background: var\((--[\w-]+)\)/.exec(rule)?.[1] ?? "--side";
		for (const scheme of [0, 1] as const) {
			const ratio = contrast(colour(text, scheme), colour(ground, scheme));
			assert.ok(ratio >= 4.5, `${kind}, ${["light", "dark"][scheme]}: ${ratio.toFixed(2)}`);
		}
	}
});

test("so can quiet text in code and in what stands on a part", () => {
	for (const scheme of [0, 1] as const) {
		for (const ground of ["--side", "--part", "--part-active"]) {
			const text = ground === "--part-active" ? "--text" : "--text-quiet";
			const ratio = contrast(colour(text, scheme), colour(ground, scheme));
			assert.ok(ratio >= 4.5, `${text} on ${ground}: ${ratio.toFixed(2)}`);
		}
	}
});

test("an edge that says where a field is can be seen: 3 or more", () => {
	for (const scheme of [0, 1] as const) {
		const ratio = contrast(colour("--line-field", scheme), colour("--page", scheme));
		assert.ok(ratio >= 3, ratio.toFixed(2));
	}
});

/** Returns the contrast ratio of two colours as defined by WCAG. */
function contrast(a: string, b: string): number {
	const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
	return (light + 0.05) / (dark + 0.05);
}

function luminance(color: string): number {
	const [red, green, blue] = [1, 3, 5].map((at) => {
		const part = Number.parseInt(color.slice(at, at + 2), 16) / 255;
		return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
	}) as [number, number, number];
	return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
