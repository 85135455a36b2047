import assert from "node:assert/strict";
import { test } from "node:test";
import { code, comeNear, find, goFar, mounted, observed } from "./markdown-dom";

const CODE = code("rust", "let a = 1;\n");

test("what may be too wide scrolls until it is offscreen, and again when it comes near", async () => {
	const { host } = mounted({}, [
		CODE,
		{ type: "table", alignments: ["none"], header: [[]], rows: [] },
		{ type: "math", math: { source: "x", tree: null } },
	]);
	for (const selector of ["pre", ".table", ".formula"]) {
		const wide = find(host, selector);
		assert.ok(observed.has(wide), selector);
		assert.ok(!wide.classList.contains("offscreen"), "it is not known to be offscreen");
		goFar(wide);
		assert.ok(wide.classList.contains("offscreen"));
		await comeNear(wide);
		assert.ok(!wide.classList.contains("offscreen"));
		assert.ok(observed.has(wide), "it may go again");
	}
});

test("what the user has scrolled stays where it is", () => {
	const { host } = mounted({}, [CODE]);
	const pre = find(host, "pre");
	pre.scrollLeft = 40;
	goFar(pre);
	assert.ok(!pre.classList.contains("offscreen"));
});
