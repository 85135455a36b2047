import assert from "node:assert/strict";
import { test } from "node:test";
import { signal } from "@preact/signals-core";
import { filtered, layOut, pathTo, type Row, rowAfter, wayTo } from "../src/features/map/layout";
import { linesOf, ROW } from "../src/features/map/lines";
import { BranchMap, MAX_ROWS } from "../src/features/map/map";
import { branchWords, factsOf } from "../src/features/map/states";
import { ConversationTree } from "../src/features/map/tree";
import type { Tree } from "../src/ipc/bindings";
import { branch, grown, tree } from "./trees";

/** Returns the rows as their lanes, indented by them. */
const drawn = (rows: readonly Row[]) =>
	rows.map(({ node, lane }) => `${"| ".repeat(lane)}${node.id}`);

/** Two branches off the first fork, one of which forks again, and a version that no branch shows. */
const SMALL = tree(
	{ root: null, old: "root", side: "root", sideA: "side", sideB: "side", end: "root" },
	{ main: "end", A: "sideA", B: "sideB" },
);

test("what branches off is drawn before the lane of main goes on", () => {
	assert.deepEqual(drawn(layOut(SMALL)), [
		"root",
		"| old",
		"| side",
		"| | sideB",
		"| sideA",
		"end",
	]);
	const sizes = layOut(SMALL).map(({ level, place, siblings }) => [level, place, siblings]);
	assert.deepEqual(sizes, [
		[1, 1, 1],
		[2, 1, 3],
		[2, 2, 3],
		[3, 1, 2],
		[3, 2, 2],
		[2, 3, 3],
	]);
	assert.deepEqual(layOut({ ...SMALL, nodes: [] }), []);
});

test("without a branch below it, the newest version stays in the lane", () => {
	const versions = tree({ root: null, one: "root", two: "root", three: "root" }, { main: "root" });
	assert.deepEqual(drawn(layOut(versions)), ["root", "| one", "| two", "three"]);
});

test("several first messages begin below each other", () => {
	const edited = tree({ one: null, more: "one", two: null }, { main: "two" });
	assert.deepEqual(drawn(layOut(edited)), ["one", "more", "two"]);
});

/** Returns the straight parts of the lines from the parents, as lane and rows. */
function verticals(rows: readonly Row[]) {
	return rows.flatMap(({ parent, lane }, index) => {
		const above = parent === null ? undefined : rows[parent];
		return parent === null || above === undefined
			? []
			: [{ lane: above.lane, from: parent, to: index, ends: lane === above.lane }];
	});
}

test("no two lines of 200 branches share a lane in a row, unless they come from one fork", () => {
	for (let seed = 1; seed <= 20; seed += 1) {
		const rows = layOut(grown(200, seed));
		const owners = new Map<string, number>();
		for (const { lane, from, to } of verticals(rows)) {
			for (let row = from; row < to; row += 1) {
				const owner = owners.get(`${lane} ${row}`) ?? from;
				assert.equal(owner, from, `lane ${lane} of row ${row}, seed ${seed}`);
				owners.set(`${lane} ${row}`, from);
			}
			// A line passes a row beside its dot.
			for (let row = from + 1; row < to; row += 1) assert.notEqual(rows[row]?.lane, lane);
		}
		const byId = new Map(rows.map((row, index) => [row.node.id, index]));
		for (const [index, { node, parent, lane }] of rows.entries()) {
			assert.equal(byId.get(node.id), index, "each node has one row");
			assert.equal(parent === null ? null : rows[parent]?.node.id, node.parentId);
			assert.ok(parent === null || parent < index, "below its parent");
			assert.ok(lane - (parent === null ? 0 : (rows[parent]?.lane ?? 0)) <= 1);
		}
		assert.equal(rows.length, grown(200, seed).nodes.length);
	}
});

test("a tree is always drawn in the same way, whichever branch is shown", () => {
	assert.deepEqual(layOut(grown(200, 7)), layOut(structuredClone(grown(200, 7))));
	const before = drawn(layOut(SMALL));
	const renamed = { ...SMALL, branches: SMALL.branches.map((one) => ({ ...one, name: "other" })) };
	assert.deepEqual(drawn(layOut(renamed)), before);
});

test("200 branches of one path need two lanes, and a chain of forks stays within its width", () => {
	const ids = Array.from({ length: 200 }, (_, at) => at);
	const wide = tree(
		{ root: null, ...Object.fromEntries(ids.map((at) => [`e${at}`, "root"])) },
		{ main: "e0", ...Object.fromEntries(ids.slice(1).map((at) => [`b${at}`, `e${at}`])) },
	);
	assert.equal(Math.max(...layOut(wide).map(({ lane }) => lane)), 1);
	const chain: Record<string, string | null> = { f0: null };
	for (const at of ids) {
		chain[`x${at}`] = `f${at}`;
		chain[`f${at + 1}`] = `f${at}`;
	}
	// Main ends at the first fork's other side, so that each further fork is one lane deeper.
	const deep = layOut(tree(chain, { main: "x0", last: "f200" }));
	const { width, height } = linesOf(deep);
	assert.ok(width <= 116, `${width} px`);
	assert.equal(height, deep.length * ROW);
	assert.deepEqual(layOut(tree({ a: null }, { main: "a" })).map(linesOf(deep).line), [null]);
});

test("a line goes down its lane and turns into the next one at its row", () => {
	const rows = layOut(SMALL);
	const { line, dot } = linesOf(rows);
	assert.deepEqual(
		rows.map((row, index) => line(row, index)),
		[
			null,
			"M10 12V28Q10 36 18 36H22",
			"M10 12V52Q10 60 18 60H22",
			"M22 60V76Q22 84 30 84H34",
			"M22 60V108",
			"M10 12V132",
		],
	);
	assert.deepEqual(
		rows.map((row, index) => dot(row, index)[0]),
		[10, 22, 22, 34, 22, 10],
	);
});

test("the arrows lead to the next row, back to the fork, and on along the lane", () => {
	const rows = layOut(SMALL);
	const to = (id: string, key: string) => {
		const at = rows.findIndex(({ node }) => node.id === id);
		const next = rowAfter(rows, at, key);
		return next === null ? null : rows[next]?.node.id;
	};
	assert.equal(to("root", "ArrowDown"), "old");
	assert.equal(to("old", "ArrowUp"), "root");
	assert.equal(to("sideB", "ArrowLeft"), "side");
	assert.equal(to("side", "ArrowRight"), "sideA");
	assert.equal(to("root", "ArrowRight"), "end");
	assert.deepEqual([to("root", "ArrowLeft"), to("root", "ArrowUp")], ["root", "root"]);
	assert.deepEqual([to("end", "ArrowRight"), to("end", "ArrowDown")], ["end", "end"]);
	assert.deepEqual([to("side", "Home"), to("side", "End")], ["root", "end"]);
	assert.deepEqual([to("root", "PageDown"), to("end", "PageUp")], ["end", "root"]);
	assert.equal(to("root", "a"), null);
});

test("a filter leaves what it finds, by words or by a branch's name, and what leads there", () => {
	const words = filtered(SMALL, " OF SIDEb ");
	assert.deepEqual(
		words.tree.nodes.map(({ id }) => id),
		["root", "side", "sideB"],
	);
	assert.deepEqual([...words.matches], ["sideB"]);
	const name = filtered(SMALL, "main");
	assert.deepEqual([...name.matches], ["end"]);
	assert.equal(filtered(SMALL, "whale").tree.nodes.length, 0);
	assert.equal(filtered(SMALL, "").matches.size, SMALL.nodes.length);
});

test("a node is shown where it is, on its branch, or as a version", () => {
	const way = (id: string, shown: string | null) => {
		const found = SMALL.nodes.find((node) => node.id === id);
		assert.ok(found !== undefined);
		return wayTo(SMALL, found, shown);
	};
	assert.deepEqual(way("end", "main"), { type: "here" });
	assert.deepEqual(way("root", "A"), { type: "here" }, "it is on every branch");
	assert.deepEqual(way("sideA", "main"), { type: "branch", branchId: "A" });
	assert.deepEqual(way("side", "main"), { type: "branch", branchId: "A" }, "the older one");
	assert.deepEqual(way("side", "B"), { type: "here" });
	assert.deepEqual(way("old", "main"), { type: "version", messageId: "old", branchId: "main" });
	assert.deepEqual(way("end", null), { type: "branch", branchId: "main" });
});

test("of several branches that end at a node, each press shows the next one", () => {
	const shared = tree({ root: null, end: "root" }, { main: "end", A: "root", B: "root" });
	const [root] = shared.nodes;
	assert.ok(root !== undefined);
	assert.deepEqual(wayTo(shared, root, "main"), { type: "branch", branchId: "A" });
	assert.deepEqual(wayTo(shared, root, "A"), { type: "branch", branchId: "B" });
	assert.deepEqual(wayTo(shared, root, "B"), { type: "branch", branchId: "A" });
});

test("the path of a branch goes up to the first message", () => {
	assert.deepEqual([...pathTo(SMALL, "A")], ["sideA", "side", "root"]);
	assert.deepEqual([...pathTo(SMALL, "gone")], []);
});

test("the focus is at the end of the shown branch, moves by the keys, and survives a filter", () => {
	const shown = signal<string | null>("A");
	const whole = signal<Tree | null>(null);
	const map = new BranchMap({ tree: whole, branchId: shown });
	assert.equal(map.activeId.value, null);
	whole.value = SMALL;
	assert.equal(map.activeId.value, "sideA");
	assert.equal(map.press("ArrowLeft"), true);
	assert.equal(map.activeId.value, "side");
	assert.equal(map.press("x"), false);
	map.type("sideB");
	assert.equal(map.activeId.value, "sideB", "the first match");
	map.type("whale");
	assert.equal(map.activeId.value, null);
	map.type("");
	assert.equal(map.activeId.value, "sideA");
	shown.value = "main";
	assert.equal(map.endId.value, "end");
	map.activate("old");
	whole.value = filtered(SMALL, "main").tree;
	assert.equal(map.activeId.value, "end", "what had the focus is gone");
});

test("more rows than can be drawn are found by the filter", () => {
	const ids = Array.from({ length: MAX_ROWS + 10 }, (_, at) => [`n${at}`, at === 0 ? null : "n0"]);
	const whole = signal<Tree | null>(tree(Object.fromEntries(ids), { main: "n0" }));
	const map = new BranchMap({ tree: whole, branchId: signal("main") });
	map.press("End");
	assert.equal(map.activeId.value, `n${MAX_ROWS - 1}`, "the last one that is drawn");
	map.type(`n${MAX_ROWS + 5}`);
	assert.equal(map.activeId.value, `n${MAX_ROWS + 5}`);
});

test("the state of a branch is in words", () => {
	const words = (more: Parameters<typeof branch>[2]) => branchWords(branch("A", "x", more));
	assert.equal(words({}), "A");
	assert.equal(words({ locked: true, status: "failed" }), "A, answering", "it is tried again");
	assert.equal(
		words({ status: "failed", queued: 2, queuePaused: "failed" }),
		"A, failed, 2 queued, paused",
	);
	assert.deepEqual(factsOf(branch("A", "x", { status: "stopped" })), [], "the user did that");
});

/** A tree that is read when `answer` is called. */
function reading() {
	const [shownId, isNeeded] = [signal("c"), signal(false)];
	const waiting: { id: string; answer(tree: Tree): void; fail(error: unknown): void }[] = [];
	const getTree = (id: string) =>
		new Promise<Tree>((answer, fail) => {
			waiting.push({ id, answer, fail });
		});
	const read = new ConversationTree({ getTree }, shownId, isNeeded);
	const settle = () => new Promise((resolve) => setTimeout(resolve));
	return { shownId, isNeeded, waiting, read, settle };
}

test("the tree is read while it is shown, and once more after changes in the meantime", async () => {
	const { shownId, isNeeded, waiting, read, settle } = reading();
	read.changed("c");
	assert.equal(waiting.length, 0, "nothing shows it");
	isNeeded.value = true;
	for (let change = 0; change < 5; change += 1) read.changed("c");
	read.changed("other");
	assert.equal(waiting.length, 1);
	waiting[0]?.answer(SMALL);
	await settle();
	assert.equal(read.tree.value, SMALL);
	assert.equal(waiting.length, 2, "five changes are one more read");
	waiting[1]?.answer({ ...SMALL, nodes: [] });
	await settle();
	assert.equal(waiting.length, 2);
	assert.equal(read.tree.value?.nodes.length, 0);

	shownId.value = "d";
	assert.equal(read.tree.value, null, "it is another conversation's");
	assert.equal(waiting.at(-1)?.id, "d");
	shownId.value = "";
	waiting.at(-1)?.answer({ ...SMALL, conversationId: "d" });
	await settle();
	assert.equal(read.tree.value, null, "it came too late");
	assert.equal(waiting.length, 3, "a conversation that does not exist yet has no tree");
});

test("why the tree could not be read is kept until it can be", async () => {
	const { isNeeded, waiting, read, settle } = reading();
	isNeeded.value = true;
	waiting[0]?.fail({ code: "database_busy", message: "The database is busy" });
	await settle();
	assert.equal(read.problem.value, "The database is busy");
	void read.read();
	waiting[1]?.answer(SMALL);
	await settle();
	assert.deepEqual([read.problem.value, read.tree.value], [null, SMALL]);
});
