import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path/posix";
import { test } from "node:test";

const source = new URL("../../src/", import.meta.url);

/** The floors of the page, lowest first. A module imports only from its own floor and from those below it. */
const FLOORS = [["shared", "ipc"], ["markdown"], ["features"], ["elements", "app"], ["main"]];

/** Each module with those that it imports, by their paths without the ending. */
const imports = new Map<string, readonly string[]>();
for (const name of await readdir(source, { recursive: true })) {
	if (!name.endsWith(".ts")) continue;
	const text = await readFile(new URL(name, source), "utf8");
	const paths = [...text.matchAll(/\b(?:from|import\(?) ?"(\.[^"]+)"/g)];
	imports.set(
		name.slice(0, -".ts".length),
		paths.map(([, path = ""]) => join(dirname(name), path)),
	);
}
const edges = [...imports].flatMap(([from, all]) => all.map((to) => [from, to] as const));

/** The folder or file at the top that a module is in. */
const topOf = (module: string) => module.split("/", 1)[0] ?? "";
const floorOf = (module: string) => FLOORS.findIndex((tops) => tops.includes(topOf(module)));
/** The feature that a module is a part of. */
const featureOf = (module: string) => module.split("/")[1] ?? "";

/** Returns a circle in a graph, as the names on it; null if there is none. */
function circleIn(graph: ReadonlyMap<string, ReadonlySet<string>>): readonly string[] | null {
	const done = new Set<string>();
	const visit = (node: string, path: readonly string[]): readonly string[] | null => {
		if (path.includes(node)) return [...path.slice(path.indexOf(node)), node];
		if (done.has(node)) return null;
		for (const next of graph.get(node) ?? []) {
			const circle = visit(next, [...path, node]);
			if (circle !== null) return circle;
		}
		done.add(node);
		return null;
	};
	for (const node of graph.keys()) {
		const circle = visit(node, []);
		if (circle !== null) return circle;
	}
	return null;
}

test("every module is on a floor, and imports modules that exist", () => {
	assert.ok(imports.size > 80, "the modules were found");
	assert.deepEqual(
		[...imports.keys()].filter((module) => floorOf(module) < 0),
		[],
	);
	assert.deepEqual(
		edges.filter(([, to]) => !imports.has(to)),
		[],
	);
});

test("imports run one way: shared and ipc, markdown, features, app, main", () => {
	const upwards = edges.filter(([from, to]) => floorOf(to) > floorOf(from));
	// What is shared knows nothing of the core, and the boundary to the core nothing of the page.
	const sideways = edges.filter(([from, to]) => floorOf(from) === 0 && topOf(from) !== topOf(to));
	assert.deepEqual(
		[...upwards, ...sideways].map(([from, to]) => `${from} imports ${to}`),
		[],
	);
});

test("only the entry has the real core; all others take what they ask of it as an argument", async () => {
	const users: string[] = [];
	for (const module of imports.keys()) {
		const text = await readFile(new URL(`${module}.ts`, source), "utf8");
		if (/import (?!type\b)[^;]*"(\.{1,2}\/)+(ipc\/)?host"/.test(text)) users.push(module);
	}
	assert.deepEqual(users, ["main"]);
});

test("features do not import each other in a circle", () => {
	const graph = new Map<string, Set<string>>();
	for (const [from, to] of edges) {
		if (topOf(from) !== "features" || topOf(to) !== "features") continue;
		if (featureOf(from) === featureOf(to)) continue;
		const targets = graph.get(featureOf(from)) ?? new Set<string>();
		graph.set(featureOf(from), targets.add(featureOf(to)));
	}
	assert.equal(circleIn(graph)?.join(" -> ") ?? "", "");
});

test("modules do not import each other in a circle, except for types", async () => {
	const graph = new Map<string, Set<string>>();
	for (const module of imports.keys()) {
		const text = await readFile(new URL(`${module}.ts`, source), "utf8");
		const values = [...text.matchAll(/(?:^|\n)import (?!type\b)[^;]*?"(\.[^"]+)"/g)];
		graph.set(module, new Set(values.map(([, path = ""]) => join(dirname(module), path))));
	}
	assert.equal(circleIn(graph)?.join(" -> ") ?? "", "");
});
