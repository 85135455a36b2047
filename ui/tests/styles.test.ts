import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";

const source = new URL("../../src/", import.meta.url);
const radix = new URL("../../node_modules/@radix-ui/colors/", import.meta.url);

/** Every stylesheet of the page, without its comments. */
const sheets = await Promise.all(
	(await readdir(source, { recursive: true }))
		.filter((name) => name.endsWith(".css"))
		.map(async (name) => {
			const css = await readFile(new URL(name, source), "utf8");
			return { name, css: css.replace(/\/\*[\s\S]*?\*\//g, "") };
		}),
);
const TOKENS = "styles/tokens.css";
const tokens = sheets.find(({ name }) => name === TOKENS)?.css ?? "";
const others = sheets.filter(({ name }) => name !== TOKENS);

test("every stylesheet is part of the page", async () => {
	const main = await readFile(new URL("styles/main.css", source), "utf8");
	const imported = [...main.matchAll(/@import "([^"]+)"/g)].map(([, path = ""]) => path);
	const folder = new URL("styles/", source);
	assert.deepEqual(
		new Set(imported.map((path) => new URL(path, folder).href)),
		new Set(
			sheets
				.filter(({ name }) => name !== "styles/main.css")
				.map(({ name }) => new URL(name, source).href),
		),
	);
});

/** The declarations of all stylesheets except tokens.css, located as `file: property: value`. */
const declarations = others.flatMap(({ name, css }) =>
	[...css.matchAll(/([\w-]+):\s*([^;{}]+);/g)].map(([, property = "", value = ""]) => ({
		property,
		value,
		where: `${name}: ${property}: ${value}`,
	})),
);

/** The declarations that break a rule. */
const breaking = (breaks: (property: string, value: string) => boolean) =>
	declarations.filter(({ property, value }) => breaks(property, value)).map(({ where }) => where);

test("the colours are steps of Radix scales", async () => {
	const steps = [
		...tokens.matchAll(/--([a-z]+)-(\d+): light-dark\((#\w{6}), (#\w{6})\)/g),
	] as unknown as [string, string, string, string, string][];
	assert.ok(steps.length > 20, "there are steps");
	for (const [, scale, step, light, dark] of steps) {
		for (const [file, value] of [
			[`${scale}.css`, light],
			[`${scale}-dark.css`, dark],
		] as const) {
			const css = await readFile(new URL(file, radix), "utf8");
			assert.equal(
				new RegExp(`--${scale}-${step}: (#\\w+)`).exec(css)?.[1],
				value,
				`${file}, ${step}`,
			);
		}
	}
});

test("no colour is made up outside the tokens", () => {
	assert.deepEqual(
		breaking((_, value) =>
			/#[0-9a-f]{3,8}\b|\b(rgb|hsl|oklch|color|color-mix|light-dark)\(/i.test(value),
		),
		[],
	);
});

test("text has the sizes of the scale, or one in relation to the text around it", () => {
	const allowed = /^(var\(--size[\w-]*\)|inherit|0|[\d.]+em)$/;
	assert.deepEqual(
		breaking((property, value) => property === "font-size" && !allowed.test(value)),
		[],
	);
});

test("room is a multiple of 4 px, or less than that", () => {
	const isRoom = /^(margin|padding|gap|row-gap|column-gap|inset|top|right|bottom|left)(-|$)/;
	const offGrid = (value: string) =>
		[...value.matchAll(/(?<![\w.-])-?(\d+)px/g)].some(
			([, size]) => Number(size) >= 4 && Number(size) % 4 !== 0,
		);
	assert.deepEqual(
		breaking((property, value) => isRoom.test(property) && offGrid(value)),
		[],
	);
});

test("what is named is there, and what is there is used", () => {
	const named = (css: string) => [...css.matchAll(/var\((--[\w-]+)/g)].map(([, name]) => name);
	const made = new Set(
		sheets.flatMap(({ css }) => [...css.matchAll(/(--[\w-]+):/g)].map(([, name]) => name)),
	);
	const used = new Set(sheets.flatMap(({ css }) => named(css)));
	assert.deepEqual(
		[...used].filter((name) => !made.has(name)),
		[],
	);
	assert.deepEqual(
		[...made].filter((name) => !used.has(name)),
		[],
	);
});

test("what the page sets is there", async () => {
	const names = await readdir(source, { recursive: true });
	const scripts = names.filter((name) => name.endsWith(".ts"));
	const set = await Promise.all(
		scripts.map(async (name) => {
			const text = await readFile(new URL(name, source), "utf8");
			return [...text.matchAll(/setProperty\("(--[\w-]+)"/g)].map(([, property]) => property);
		}),
	);
	const made = others.map(({ css }) => css).join();
	assert.ok(set.flat().length >= 2);
	assert.deepEqual(
		set.flat().filter((property) => !made.includes(`${property}:`)),
		[],
	);
});

test("what moves does so by the tokens, which know whether it may", () => {
	assert.deepEqual(
		breaking(
			(property, value) =>
				/^(animation|transition)(-duration)?$/.test(property) && /\d+m?s\b/.test(value),
		),
		[],
	);
	assert.match(tokens, /prefers-reduced-motion: reduce/);
});
