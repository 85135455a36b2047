import assert from "node:assert/strict";
import { test } from "node:test";
import { count, shortTokens } from "../src/shared/format";
import { parseNumber, parseWhole } from "../src/shared/parse";

test("a number is read with a point or a comma, and nothing else is taken for one", () => {
	assert.equal(parseNumber(" 0.7 "), 0.7);
	assert.equal(parseNumber("0,7"), 0.7);
	assert.equal(parseNumber(".5"), 0.5);
	assert.equal(parseNumber("1."), 1);
	assert.equal(parseNumber("-1"), -1);
	for (const text of ["", "hot", "1e3", "1,000.5", "0x10", "Infinity", "1 2"]) {
		assert.equal(parseNumber(text), null, text);
	}
});

test("a whole number may be spaced, but has no fraction", () => {
	assert.equal(parseWhole(" 100 000 "), 100_000);
	for (const text of ["", "1.5", "-1", "1,000"]) assert.equal(parseWhole(text), null, text);
});

test("tokens are said as model makers say them", () => {
	const said = [999, 8192, 32_768, 128_000, 131_072, 200_000, 1_000_000, 1_048_576, 1_047_576];
	assert.deepEqual(said.map(shortTokens), [
		"999",
		"8k",
		"32k",
		"128k",
		"128k",
		"200k",
		"1M",
		"1M",
		"1M",
	]);
});

test("one is not many", () => {
	assert.equal(count(1, "model"), "1 model");
	assert.equal(count(0, "model"), "0 models");
});
