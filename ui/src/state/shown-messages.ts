/**
 * The part of a conversation that is on the page: a run of its messages, bounded, so that a conversation
 * of ten thousand costs what one of a few hundred does, and one of very long answers no more. Pure.
 */
import type { Message, MessagePage } from "../ipc/bindings";
import { costOf } from "../markdown/render-budget";

/** The most messages on the page. */
export const MAX_MESSAGES = 300;

/** What they may cost to draw before one more is too many, in characters of running text. */
export const MAX_COST = 500_000;

export interface ShownMessages {
	/** Oldest first. */
	readonly messages: readonly Message[];
	readonly hasEarlier: boolean;
	readonly hasLater: boolean;
}

export const NONE: ShownMessages = { messages: [], hasEarlier: false, hasLater: false };

/** With the page before the first; what is too much goes at both ends, far from where they meet. */
export function withEarlier(shown: ShownMessages, page: MessagePage): ShownMessages {
	const near = affordableEnd(page.messages, MAX_COST / 2);
	const kept = affordable(shown.messages, MAX_COST / 2);
	const messages = [...near, ...kept].slice(0, MAX_MESSAGES);
	return {
		messages,
		hasEarlier: page.hasEarlier || near.length < page.messages.length,
		hasLater: shown.hasLater || messages.length < near.length + shown.messages.length,
	};
}

/** With the page after the last; what is too much goes at both ends, far from where they meet. */
export function withLater(shown: ShownMessages, page: MessagePage): ShownMessages {
	const kept = affordableEnd(shown.messages, MAX_COST / 2);
	const near = affordable(page.messages, MAX_COST / 2);
	const messages = [...kept, ...near].slice(-MAX_MESSAGES);
	return {
		messages,
		hasEarlier: shown.hasEarlier || messages.length < shown.messages.length + near.length,
		hasLater: page.hasLater || near.length < page.messages.length,
	};
}

/**
 * With the latest page as it is now: where the end is shown, older messages stay as long as they still lead
 * to it; where another part is, only what is on both is renewed. What costs too much goes at the beginning,
 * unless the user reads there: `isFollowed` says that it is the end that is looked at.
 */
export function withLatest(
	shown: ShownMessages,
	latest: Omit<MessagePage, "hasLater">,
	isFollowed: boolean,
): ShownMessages {
	if (shown.hasLater) {
		const fresh = new Map(latest.messages.map((message) => [message.id, message]));
		const messages = shown.messages.map((message) => fresh.get(message.id) ?? message);
		return { ...shown, messages };
	}
	const [first] = latest.messages;
	const older = shown.messages.slice(
		0,
		shown.messages.findIndex((message) => message.id === first?.parentId) + 1,
	);
	const start = latest.messages.findIndex((message) => message.id === shown.messages[0]?.id);
	const all = [...older, ...latest.messages.slice(Math.max(0, start))];
	const isOther = older.length === 0 && start < 0;
	const messages = (isFollowed || isOther ? affordableEnd(all, MAX_COST) : all).slice(
		-MAX_MESSAGES,
	);
	const { hasEarlier } = older.length > 0 ? shown : latest;
	return {
		messages,
		hasEarlier: hasEarlier || messages.length < older.length + latest.messages.length,
		hasLater: false,
	};
}

/** The first ones, to the one with which they cost that much. */
function affordable(messages: readonly Message[], most: number): readonly Message[] {
	let left = most;
	const end = messages.findIndex((message) => {
		left -= costOfMessage(message);
		return left <= 0;
	});
	return end < 0 ? messages : messages.slice(0, end + 1);
}

/** The last ones, from the one with which they cost that much. */
function affordableEnd(messages: readonly Message[], most: number): readonly Message[] {
	return affordable(messages.toReversed(), most).toReversed();
}

/** Without its reasoning, which is folded. */
function costOfMessage({ role, content, blocks }: Message): number {
	return role === "user" ? content.length : costOf(blocks);
}
