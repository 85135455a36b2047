import { NO_PARAMETERS } from "../src/features/parameters/parameters";
import type { Branch, ConversationView, Queue } from "../src/ipc/bindings";

/** The lock of a branch that no answer has held. */
export const FREE = {
	locked: false,
	canSend: true,
	generationId: null,
	messageId: null,
	userId: null,
	lockedAt: null,
	expiresAt: null,
	fence: 0,
};

/** Its first branch. */
export const MAIN: Branch = {
	id: "b",
	conversationId: "c",
	name: "main",
	headMessageId: null,
	forkedFrom: null,
	createdAt: 0,
	locked: false,
};

/** A queue in which nothing waits. */
export const NO_QUEUE: Queue = { paused: false, pauseReason: null, pauseMessage: null, items: [] };

/** An empty conversation. */
export const VIEW: ConversationView = {
	id: "c",
	title: null,
	modelId: null,
	mainBranchId: "b",
	branchId: "b",
	branches: [MAIN],
	maxParallel: 1,
	createdAt: 0,
	updatedAt: 0,
	parameters: NO_PARAMETERS,
	draft: "",
	attachments: [],
	messages: [],
	hasEarlier: false,
	lock: FREE,
	sendPolicy: null,
	queue: NO_QUEUE,
};
