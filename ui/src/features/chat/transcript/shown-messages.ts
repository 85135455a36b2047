/**
 * The loaded part of a conversation: a run of its messages, bounded, so that a conversation of ten thousand
 * costs as much as one of a few hundred, and one of very long answers no more. Pure.
 */
import type { Message, Part } from "../../../ipc/bindings";
import { costOf } from "../../../markdown/render-budget";

/** Maximum number of loaded messages. */
export const MAX_MESSAGES = 300;

/** Render cost from which no more messages are kept, in characters of running text. */
export const MAX_COST = 500_000;

export interface ShownMessages {
	/** Oldest first. */
	readonly messages: readonly Message[];
	readonly hasEarlier: boolean;
	readonly hasLater: boolean;
}

export const NONE: ShownMessages = { messages: [], hasEarlier: false, hasLater: false };

/** Prepends the previous page; excess is dropped at both ends, far from where they meet. */
export function withEarlier(shown: ShownMessages, page: ShownMessages): ShownMessages {
	const near = affordableEnd(page.messages, MAX_COST / 2);
	const kept = affordable(shown.messages, MAX_COST / 2);
	const messages = [...near, ...kept].slice(0, MAX_MESSAGES);
	return {
		messages,
		hasEarlier: page.hasEarlier || near.length < page.messages.length,
		hasLater: shown.hasLater || messages.length < near.length + shown.messages.length,
	};
}

/** Appends the next page; excess is dropped at both ends, far from where they meet. */
export function withLater(shown: ShownMessages, page: ShownMessages): ShownMessages {
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
 * Merges the current latest page: if the end is loaded, older messages stay as long as they still lead to it;
 * otherwise only messages that are in both are updated. Messages that cost too much are dropped at the
 * beginning, unless the user reads there: `isFollowed` means that the user looks at the end.
 */
export function withLatest(
	shown: ShownMessages,
	latest: Omit<ShownMessages, "hasLater">,
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

/**
 * Appends messages that have just been stored, replacing those that the branch no longer shows. Returns null if they
 * do not join on what is loaded.
 */
export function withStored(
	shown: ShownMessages,
	stored: readonly Message[],
	isFollowed: boolean,
): ShownMessages | null {
	const [first] = stored;
	if (first === undefined || shown.hasLater) return null;
	const { messages } = shown;
	const before = messages.findIndex((message) => message.id === first.parentId) + 1;
	const same = messages.findIndex((message) => message.id === first.id);
	const end = same < 0 ? before : same;
	if (end === 0 && first.parentId !== null) return null;
	const all = [...messages.slice(0, end), ...stored];
	const kept = (isFollowed ? affordableEnd(all, MAX_COST) : all).slice(-MAX_MESSAGES);
	return {
		messages: kept,
		hasEarlier: shown.hasEarlier || kept.length < all.length,
		hasLater: false,
	};
}

/** Returns the first messages, up to the one that reaches the cost `most`. */
function affordable(messages: readonly Message[], most: number): readonly Message[] {
	let left = most;
	const end = messages.findIndex((message) => {
		left -= costOfMessage(message);
		return left <= 0;
	});
	return end < 0 ? messages : messages.slice(0, end + 1);
}

/** Returns the last messages, from the one that reaches the cost `most`. */
function affordableEnd(messages: readonly Message[], most: number): readonly Message[] {
	return affordable(messages.toReversed(), most).toReversed();
}

/** Excludes the reasoning and the tools, which are folded. */
function costOfMessage({ role, content, parts }: Message): number {
	if (role === "user") return content.length;
	const cost = (part: Part) => (part.type === "text" ? costOf(part.blocks) : 0);
	return parts.reduce((sum, part) => sum + cost(part), 0);
}
