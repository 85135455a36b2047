/**
 * The part of a conversation that is on the page: a run of its messages, bounded, so that a conversation
 * of ten thousand costs what one of a few hundred does. Pure.
 */
import type { Message, MessagePage } from "../ipc/bindings";

/** The most messages on the page. */
export const MOST_SHOWN = 300;

export interface ShownMessages {
	/** Oldest first. */
	readonly messages: readonly Message[];
	readonly hasEarlier: boolean;
	readonly hasLater: boolean;
}

export const NONE: ShownMessages = { messages: [], hasEarlier: false, hasLater: false };

/** With the page before the first; what is too many goes at the end. */
export function withEarlier(shown: ShownMessages, page: MessagePage): ShownMessages {
	const all = [...page.messages, ...shown.messages];
	return {
		messages: all.slice(0, MOST_SHOWN),
		hasEarlier: page.hasEarlier,
		hasLater: shown.hasLater || all.length > MOST_SHOWN,
	};
}

/** With the page after the last; what is too many goes at the beginning. */
export function withLater(shown: ShownMessages, page: MessagePage): ShownMessages {
	const all = [...shown.messages, ...page.messages];
	return {
		messages: all.slice(-MOST_SHOWN),
		hasEarlier: shown.hasEarlier || all.length > MOST_SHOWN,
		hasLater: page.hasLater,
	};
}

/**
 * With the latest page as it is now: where the end is shown, older pages stay as long as they still lead
 * to it; where another part is, only what is on both is renewed.
 */
export function withLatest(
	shown: ShownMessages,
	latest: Omit<MessagePage, "hasLater">,
): ShownMessages {
	if (shown.hasLater) {
		const fresh = new Map(latest.messages.map((message) => [message.id, message]));
		const messages = shown.messages.map((message) => fresh.get(message.id) ?? message);
		return { ...shown, messages };
	}
	const first = latest.messages[0];
	const parent = shown.messages.findIndex((message) => message.id === first?.parentId);
	if (parent < 0) return { ...latest, hasLater: false };
	const all = [...shown.messages.slice(0, parent + 1), ...latest.messages];
	return {
		messages: all.slice(-MOST_SHOWN),
		hasEarlier: shown.hasEarlier || all.length > MOST_SHOWN,
		hasLater: false,
	};
}
