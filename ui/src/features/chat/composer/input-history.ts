/** Recalls messages sent in the shown branch into its input. Those that are not loaded are read from the core. */
import type { ReadonlySignal } from "@preact/signals-core";
import type { Message, PageQuery } from "../../../ipc/bindings";
import type { Commands } from "../../../ipc/host";
import { isRecalled, mayGoBack, newer, older, type Recall, type Step, sentTexts } from "./recall";

/** The end of a conversation, as far back as needed. */
interface LoadedMessages {
	readonly messages: readonly Message[];
	readonly hasEarlier: boolean;
}

type HistoryCommands = Pick<Commands, "getMessages">;

/** A branch with sent messages. */
export interface RecallSource {
	/** Null while it is not read. */
	readonly view: ReadonlySignal<{ readonly id: string; readonly branchId: string } | null>;
	/** The loaded messages. */
	readonly transcript: {
		readonly messages: ReadonlySignal<readonly Message[]>;
		readonly hasEarlier: ReadonlySignal<boolean>;
		readonly hasLater: ReadonlySignal<boolean>;
	};
}

/** The input that shows a recalled message. */
export interface RecallTarget {
	readonly text: ReadonlySignal<string>;
	type(text: string): void;
}

export class InputHistory {
	readonly #commands: HistoryCommands;
	readonly #shown: ReadonlySignal<RecallSource>;
	readonly #input: RecallTarget;
	/** The branch that is recalled from. */
	#source: RecallSource | null = null;
	#recall: Recall | null = null;
	#known: LoadedMessages = { messages: [], hasEarlier: true };
	#reading = false;

	/** Recalls from `shown`, whichever branch it is at the time, into the input. */
	constructor(commands: HistoryCommands, shown: ReadonlySignal<RecallSource>, input: RecallTarget) {
		this.#commands = commands;
		this.#shown = shown;
		this.#input = input;
	}

	/** Returns whether the input shows a recalled message. */
	isRecalled(): boolean {
		return this.#isHere() && isRecalled(this.#recall, this.#input.text.value);
	}

	/** Recalls an older message, immediately or once it is read. Returns false if nothing may be recalled. */
	older(): boolean {
		const text = this.#input.text.value;
		if (!this.#isHere() || !isRecalled(this.#recall, text)) this.#begin();
		if (this.#shown.value.view.value === null || !mayGoBack(this.#recall, text)) return false;
		void this.#older(text);
		return true;
	}

	/** Goes to a newer message, and finally to the original text. Returns false if nothing is recalled. */
	newer(): boolean {
		const step = this.#isHere() ? newer(this.#recall, this.#input.text.value) : null;
		if (step !== null) this.#take(step);
		return step !== null;
	}

	#isHere(): boolean {
		return this.#source === this.#shown.value;
	}

	/** Starts from the loaded messages, if they are the latest. */
	#begin(): void {
		this.#source = this.#shown.value;
		const { messages, hasEarlier, hasLater } = this.#source.transcript;
		this.#recall = null;
		this.#known = hasLater.value
			? { messages: [], hasEarlier: true }
			: { messages: messages.value, hasEarlier: hasEarlier.value };
	}

	async #older(text: string): Promise<void> {
		if (this.#reading) return;
		let step = older(this.#recall, text, sentTexts(this.#known.messages));
		while (step === null && this.#known.hasEarlier) {
			if (!(await this.#readEarlier())) return;
			// The user has typed or switched conversations meanwhile.
			if (!this.#isHere() || this.#input.text.value !== text) return;
			step = older(this.#recall, text, sentTexts(this.#known.messages));
		}
		if (step !== null) this.#take(step);
	}

	/** Reads the previous page; returns false if it cannot be read. */
	async #readEarlier(): Promise<boolean> {
		const view = this.#shown.value.view.value;
		if (view === null) return false;
		const known = this.#known;
		const [first] = known.messages;
		const part: PageQuery =
			first === undefined ? { type: "latest" } : { type: "before", messageId: first.id };
		this.#reading = true;
		try {
			const page = await this.#commands.getMessages(view.id, view.branchId, part, null);
			const messages = [...page.messages, ...known.messages];
			if (this.#isHere()) this.#known = { messages, hasEarlier: page.hasEarlier };
			return true;
		} catch {
			// Nothing is recalled then; reading the conversation shows the error.
			return false;
		} finally {
			this.#reading = false;
		}
	}

	#take({ recall, text }: Step): void {
		this.#recall = recall;
		this.#input.type(text);
	}
}
