import assert from "node:assert/strict";
import { test } from "node:test";
import "./markdown-dom";
import { html, render } from "lit-html";
import { markdown } from "../src/markdown/directive";
import { applyPatches } from "../src/markdown/patches";
import { assertSame, code, find, paragraph, services } from "./markdown-dom";

test("an answer in a template is one element, which changes with its blocks", () => {
	const root = document.createElement("div");
	document.body.append(root);
	const { all } = services();
	const show = (blocks: readonly ReturnType<typeof paragraph>[], progress: "writing" | "written") =>
		render(html`<div class="text">${markdown(blocks, all, progress)}</div>`, root);
	const blocks = [paragraph("one"), code("rust", "tw", false)];
	show(blocks, "writing");
	const host = find(root, ".text > .markdown");
	const first = host.firstChild;
	assert.equal(root.querySelectorAll(".caret").length, 1);
	const grown = applyPatches(blocks, [{ type: "grow", at: 1, text: "o" }]);
	show(grown, "writing");
	assertSame([find(root, ".markdown"), host.firstChild], [host, first]);
	assert.equal(find(host, "code").textContent, "two");
	show(grown, "written");
	assert.equal(root.querySelector(".caret"), null);
	show([paragraph("other")], "written");
	assert.equal(host.textContent, "other");
});
