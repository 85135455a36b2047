/**
 * What happens to the messages on the page when the core tells something: pure, so that every order
 * in which events and snapshots may arrive is a test of a few lines.
 */
import type { LockChanged, LockStatus, Message, TranscriptEvent } from "../ipc/bindings";

/**
 * Puts text at its place in a message's content. The same text told twice changes nothing. Null means
 * a gap: text before it was missed, and the page has to read a snapshot.
 */
export function putText(content: string, offset: number, text: string): string | null {
	if (offset > content.length) return null;
	const end = offset + text.length;
	if (end <= content.length) return content;
	return content + text.slice(content.length - offset);
}

/**
 * The message with a piece of its text or of its reasoning; the same message where that changes
 * nothing, and null after a gap. An end is final: what is told late is not put.
 */
export function putPiece(
	message: Message,
	piece: Exclude<TranscriptEvent, { type: "phase" }>,
): Message | null {
	const part = piece.type === "text" ? "content" : "reasoning";
	const text = putText(message[part], piece.offset, piece.text);
	if (text === null) return null;
	if (message.status !== "generating" || text === message[part]) return message;
	return { ...message, [part]: text };
}

/**
 * A fresh page of messages, with the longer text of an answer that is still being written: a snapshot
 * may have been read before text that has been told already.
 */
export function mergeMessages(shown: readonly Message[], fresh: readonly Message[]): Message[] {
	const known = new Map(shown.map((message) => [message.id, message]));
	const merged = fresh.map((message) => {
		const before = known.get(message.id);
		if (message.status !== "generating" || before === undefined) return message;
		const content = longer(before.content, message.content);
		const reasoning = longer(before.reasoning, message.reasoning);
		return { ...message, content, reasoning };
	});
	const first = merged[0];
	if (first === undefined) return merged;
	// Older pages that were loaded stay, as long as they still lead to this one.
	const parent = shown.findIndex((message) => message.id === first.parentId);
	return parent < 0 ? merged : [...shown.slice(0, parent + 1), ...merged];
}

function longer(one: string, other: string): string {
	return one.length > other.length ? one : other;
}

/** True when a change is news: a newer grant, or the end of the known one. */
export function isNews(known: LockStatus, change: LockChanged): boolean {
	if (change.fence !== known.fence) return change.fence > known.fence;
	return known.locked && !change.locked;
}

/** The lock after a change. What a release leaves open, a snapshot tells soon after. */
export function lockAfter(change: LockChanged): LockStatus {
	return {
		locked: change.locked,
		canSend: !change.locked,
		generationId: change.locked ? change.generationId : null,
		messageId: change.locked ? change.messageId : null,
		userId: null,
		lockedAt: null,
		expiresAt: null,
		fence: change.fence,
	};
}
