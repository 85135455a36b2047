/** What a screen reader is told, once, when an answer has ended. */
import { signal } from "@preact/signals-core";
import type { FailedVersion, Message } from "../ipc/bindings";

/** How much of the answer is told at most, in characters. */
const MAX_LENGTH = 200;

export class Announcement {
	/** What is told. */
	readonly text = signal("");
	/** The answer whose end is to be told. */
	#ended: string | null = null;

	/** An answer has ended; how, the next reading says. */
	ended(messageId: string | null): void {
		this.#ended = messageId;
	}

	/** Looks in what was read for how the answer ended. */
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

/** How it ended, and where it is complete its first sentence. */
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

/** How another version ended, after which the one before it is shown again. */
export function endOfVersion({ status, error }: FailedVersion): string {
	const reason = error === null ? "" : `: ${error.message}`;
	const ended = status === "failed" ? "failed" : `was ${status}`;
	return `Answering again ${ended}${reason}. The answer before it is shown.`;
}

/** Up to the last whole word where it is too long: an answer may be one word of a megabyte. */
function firstSentence(text: string): string {
	const beginning = text.slice(0, MAX_LENGTH + 1);
	const [sentence = ""] = beginning.split(/(?<=[.!?])\s/, 1);
	if (sentence.length <= MAX_LENGTH) return sentence;
	const space = sentence.search(/\s\S*$/);
	return `${sentence.slice(0, space > 0 ? space : MAX_LENGTH)}…`;
}
