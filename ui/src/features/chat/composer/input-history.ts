/** Recalls messages sent in the shown conversation into its input. Those that are not loaded are read from the core. */
import { commands, type Message, type PageQuery } from "../../../ipc/host";
import type { Chat } from "../chat";
import { isRecalled, mayGoBack, newer, older, type Recall, type Step, sentTexts } from "./recall";

/** The end of a conversation, as far back as needed. */
interface LoadedMessages {
	readonly messages: readonly Message[];
	readonly hasEarlier: boolean;
}

export class InputHistory {
	readonly #chat: Chat;
	#shownId: string | null = null;
	#recall: Recall | null = null;
	#known: LoadedMessages = { messages: [], hasEarlier: true };
	#reading = false;

	constructor(chat: Chat) {
		this.#chat = chat;
	}

	/** Returns whether the input shows a recalled message. */
	isRecalled(): boolean {
		return this.#isHere() && isRecalled(this.#recall, this.#chat.typing.text.value);
	}

	/** Recalls an older message, immediately or once it is read. Returns false if nothing may be recalled. */
	older(): boolean {
		const text = this.#chat.typing.text.value;
		if (!this.#isHere() || !isRecalled(this.#recall, text)) this.#begin();
		if (this.#chat.shown.value === null || !mayGoBack(this.#recall, text)) return false;
		void this.#older(text);
		return true;
	}

	/** Goes to a newer message, and finally to the original text. Returns false if nothing is recalled. */
	newer(): boolean {
		const step = this.#isHere() ? newer(this.#recall, this.#chat.typing.text.value) : null;
		if (step !== null) this.#take(step);
		return step !== null;
	}

	#isHere(): boolean {
		return this.#shownId === this.#chat.shownId.value;
	}

	/** Starts from the loaded messages, if they are the latest. */
	#begin(): void {
		const { messages, hasEarlier, hasLater } = this.#chat.transcript;
		this.#shownId = this.#chat.shownId.value;
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
			if (!this.#isHere() || this.#chat.typing.text.value !== text) return;
			step = older(this.#recall, text, sentTexts(this.#known.messages));
		}
		if (step !== null) this.#take(step);
	}

	/** Reads the previous page; returns false if it cannot be read. */
	async #readEarlier(): Promise<boolean> {
		const view = this.#chat.shown.value;
		if (view === null) return false;
		const known = this.#known;
		const [first] = known.messages;
		const part: PageQuery =
			first === undefined ? { type: "latest" } : { type: "before", messageId: first.id };
		this.#reading = true;
		try {
			const page = await commands.getMessages(view.id, view.branchId, part);
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
		this.#chat.typing.type(text);
	}
}
