/** What a screen reader announces, once, when an answer has ended. */
import { signal } from "@preact/signals-core";
import type { FailedVersion, Message } from "../../ipc/bindings";

/** Maximum length of the announced part of an answer, in characters. */
const MAX_LENGTH = 200;

export class Announcement {
	/** The announcement, shown in a live region. */
	readonly text = signal("");
	/** The answer whose end is not announced yet. */
	#ended: string | null = null;

	/** Notes that an answer has ended; its stored message says how. */
	ended(messageId: string | null): void {
		this.#ended = messageId;
	}

	/** Announces how the answer ended, if the messages say so. */
	read(messages: readonly Message[]): void {
		for (const message of messages) {
			const { id, status, failedVersion } = message;
			if (id === this.#ended && status !== "generating") this.text.value = endOf(message);
			else if (failedVersion !== null && failedVersion.messageId === this.#ended)
				this.text.value = endOfVersion(failedVersion);
			else continue;
			this.#ended = null;
			return;
		}
	}
}

/** Returns how an answer ended, with its first sentence if it is complete. */
export function endOf(answer: Message): string {
	switch (answer.status) {
		case "complete":
			return `Answer finished. ${firstSentence(answer.content)}`.trimEnd();
		case "stopped":
			return "Answer stopped.";
		case "failed":
			return `Answer failed: ${answer.error?.message ?? ""}`;
		case "interrupted":
			return `Answer interrupted: ${answer.error?.message ?? ""}`;
		case "generating":
			return "";
	}
}

/** Returns how a failed version ended, after which the previous one is shown again. */
export function endOfVersion({ status, error }: FailedVersion): string {
	const reason = error === null ? "" : `: ${error.message}`;
	const ended = status === "failed" ? "failed" : `was ${status}`;
	return `Answering again ${ended}${reason}. The previous answer is shown.`;
}

/** Returns the first sentence, cut after a whole word if too long: an answer may be one word of a megabyte. */
function firstSentence(text: string): string {
	const beginning = text.slice(0, MAX_LENGTH + 1);
	const [sentence = ""] = beginning.split(/(?<=[.!?])\s/, 1);
	if (sentence.length <= MAX_LENGTH) return sentence;
	const space = sentence.search(/\s\S*$/);
	return `${sentence.slice(0, space > 0 ? space : MAX_LENGTH)}…`;
}
