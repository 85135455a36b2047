/**
 * Brings what was sent in the shown conversation back into its input. What is not on the page any more
 * is read from the core.
 */
import { commands, type Message, type PageQuery } from "../ipc/host";
import type { Chat } from "./chat";
import { isRecalled, mayGoBack, newer, older, type Recall, type Step, sentTexts } from "./recall";

/** The end of a conversation, as far back as it was needed. */
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

	/** The input shows what was brought back. */
	isRecalled(): boolean {
		return this.#isHere() && isRecalled(this.#recall, this.#chat.typing.text.value);
	}

	/** Brings an older message back, at once or when it is read. False where nothing may be. */
	older(): boolean {
		const text = this.#chat.typing.text.value;
		if (!this.#isHere() || !isRecalled(this.#recall, text)) this.#begin();
		if (this.#chat.shown.value === null || !mayGoBack(this.#recall, text)) return false;
		void this.#older(text);
		return true;
	}

	/** Goes back to a newer one, and at last to what stood there before. False where nothing is. */
	newer(): boolean {
		const step = this.#isHere() ? newer(this.#recall, this.#chat.typing.text.value) : null;
		if (step !== null) this.#take(step);
		return step !== null;
	}

	#isHere(): boolean {
		return this.#shownId === this.#chat.shownId.value;
	}

	/** From the messages on the page, where they are the latest. */
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
			// Somebody typed meanwhile, or went elsewhere.
			if (!this.#isHere() || this.#chat.typing.text.value !== text) return;
			step = older(this.#recall, text, sentTexts(this.#known.messages));
		}
		if (step !== null) this.#take(step);
	}

	/** Reads one page more; false where there is none. */
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
			// What cannot be read is not brought back; whoever reads the conversation says why.
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
