import assert from "node:assert/strict";
import { test } from "node:test";
import { type Edit, MessageEditor } from "../src/features/chat/message/editor";
import type { AttachmentSummary, Message } from "../src/ipc/bindings";
import { message } from "./messages";

const FILE = { id: "f1", name: "notes.txt" } as AttachmentSummary;

function opened(changes: Partial<Message> = {}): MessageEditor {
	const editor = new MessageEditor();
	editor.open({ ...message(0, "hello"), attachments: [FILE], ...changes });
	return editor;
}

/** An answer of the core that has not come yet, and what lets it come. */
function pending(): [Promise<boolean>, (isAccepted: boolean) => void] {
	let resolve = (_: boolean) => {};
	const answer = new Promise<boolean>((done) => {
		resolve = done;
	});
	return [answer, (isAccepted) => resolve(isAccepted)];
}

test("an edit begins with the text and the files of its message, which stays as it is", () => {
	const editor = opened();
	editor.type("hello there");
	editor.remove("f1");
	const { text, files } = editor.edit.value ?? assert.fail("it is open");
	assert.deepEqual([text, files], ["hello there", []]);
	editor.close();
	assert.equal(editor.edit.value, null);
	editor.type("late");
	assert.equal(editor.edit.value, null, "nothing is edited any more");
});

test("an edit is sent once, and closes only when it is accepted", async () => {
	const editor = opened();
	editor.type("again");
	const sent: string[] = [];
	const [answer, resolve] = pending();
	const send = ({ text }: Edit) => {
		sent.push(text);
		return answer;
	};
	const first = editor.submit(send);
	await editor.submit(send);
	assert.deepEqual(sent, ["again"], "a second press in the same instant");
	assert.equal(editor.edit.value?.isSending, true);
	resolve(false);
	await first;
	assert.equal(editor.edit.value?.text, "again", "a refusal loses nothing");
	assert.equal(editor.edit.value?.isSending, false);
	await editor.submit(async () => true);
	assert.equal(editor.edit.value, null);
});

test("what is edited meanwhile is not closed by the end of an earlier send", async () => {
	const editor = opened();
	const [answer, resolve] = pending();
	const first = editor.submit(() => answer);
	editor.open({ ...message(2, "another"), attachments: [] });
	resolve(true);
	await first;
	assert.equal(editor.edit.value?.text, "another");
});

test("an edit without text or file is not sent", async () => {
	const editor = opened({ content: " ", attachments: [] });
	await editor.submit(() => assert.fail("there is nothing to send"));
	const withFile = opened({ content: "" });
	let isSent = false;
	await withFile.submit(async () => {
		isSent = true;
		return true;
	});
	assert.ok(isSent, "a file alone is a message");
});
