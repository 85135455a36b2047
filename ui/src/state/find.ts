/** Finding a text in the shown conversation, also where it is not on the page. */
import { signal } from "@preact/signals-core";
import { commands, messageOf } from "../ipc/host";
import { Debouncer } from "../lib/debouncer";
import type { Chat } from "./chat";

export class Find {
	readonly isOpen = signal(false);
	readonly text = signal("");
	/** The messages that hold the text, oldest first; null until it has been looked for. */
	readonly found = signal<readonly string[] | null>(null);
	/** Which of them is shown, from 0. */
	readonly at = signal(0);
	/** The message that is to be seen: set when it is on the page. */
	readonly shown = signal<string | null>(null);
	readonly #chat: Chat;
	readonly #later = new Debouncer(() => void this.#look());

	constructor(chat: Chat) {
		this.#chat = chat;
	}

	open(): void {
		this.isOpen.value = true;
		if (this.text.value !== "") void this.#look();
	}

	close(): void {
		this.isOpen.value = false;
		this.found.value = null;
		this.shown.value = null;
	}

	type(text: string): void {
		this.text.value = text;
		this.found.value = null;
		if (text === "") this.#later.cancel(null);
		else this.#later.call(null);
	}

	/** Goes to the next message, or with -1 to the one before, and from one end to the other. */
	async step(by: 1 | -1): Promise<void> {
		const found = this.found.value;
		if (found === null) return this.#look();
		if (found.length === 0) return;
		this.at.value = (this.at.value + by + found.length) % found.length;
		await this.#show();
	}

	/** From the end on: what is looked for is more often new than old. */
	async #look(): Promise<void> {
		this.#later.cancel(null);
		const [view, text] = [this.#chat.shown.value, this.text.value];
		if (view === null || text === "") return;
		try {
			const found = await commands.findInConversation(view.id, view.branchId, text);
			if (text !== this.text.value || view.id !== this.#chat.shownId.value) return;
			this.at.value = Math.max(0, found.length - 1);
			this.found.value = found;
			await this.#show();
		} catch (error) {
			this.#chat.toasts.error(messageOf(error));
		}
	}

	async #show(): Promise<void> {
		const found = this.found.value;
		const id = found?.[this.at.value];
		// None for a moment, because the only one is shown again by every step.
		this.shown.value = null;
		if (id === undefined) return;
		await this.#chat.load((view) => this.#chat.transcript.show(view, id));
		if (found === this.found.value && id === found?.[this.at.value]) this.shown.value = id;
	}
}
