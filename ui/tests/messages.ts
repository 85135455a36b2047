import type { Message } from "../src/ipc/bindings";

/** Message n of a conversation, which follows message n - 1. */
export function message(n: number, content = `${n}`): Message {
	return {
		id: `m${n}`,
		parentId: n === 0 ? null : `m${n - 1}`,
		branchId: "b",
		role: n % 2 === 0 ? "user" : "assistant",
		status: "complete",
		content,
		parts: [],
		attachments: [],
		model: null,
		error: null,
		finishReason: null,
		usage: null,
		leftOut: 0,
		notSent: [],
		leftOutTokens: 0,
		createdAt: 0,
		finishedAt: null,
		versions: { index: 1, count: 1, ids: [`m${n}`] },
		failedVersion: null,
	};
}
