import assert from "node:assert/strict";
import { test } from "node:test";
import { endOf } from "../src/features/chat/announcement";
import { message } from "./messages";

const said = (content: string) => endOf(message(1, content));

test("the end of an answer is announced with its first sentence", () => {
	assert.equal(said("It is done. And more."), "Answer finished. It is done.");
	assert.equal(said(""), "Answer finished.");
	assert.equal(endOf({ ...message(1), status: "stopped" }), "Answer stopped.");
});

test("a sentence that does not end is cut behind a word, and a word without end anywhere", () => {
	const long = said("word ".repeat(100_000));
	assert.ok(long.endsWith(" word…"));
	assert.ok(long.length < 230);
	assert.equal(said("w".repeat(100_000)).length, "Answer finished. ".length + 201);
});
