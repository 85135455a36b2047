/** Search in the shown conversation, including messages that are not loaded. */
import { signal } from "@preact/signals-core";
import { commands, messageOf } from "../../ipc/host";
import { Debouncer } from "../../shared/time";
import type { Chat } from "../chat/chat";

export class Find {
	readonly isOpen = signal(false);
	readonly text = signal("");
	/** Ids of the matching messages, oldest first; null until the search has run. */
	readonly found = signal<readonly string[] | null>(null);
	/** Index of the shown match, from 0. */
	readonly at = signal(0);
	/** The match to scroll to: set once it is loaded. */
	readonly shown = signal<string | null>(null);
	readonly #chat: Chat;
	readonly #debouncer = new Debouncer(() => void this.#search());

	constructor(chat: Chat) {
		this.#chat = chat;
	}

	open(): void {
		this.isOpen.value = true;
		if (this.text.value !== "") void this.#search();
	}

	close(): void {
		this.isOpen.value = false;
		this.found.value = null;
		this.shown.value = null;
	}

	type(text: string): void {
		this.text.value = text;
		this.found.value = null;
		if (text === "") this.#debouncer.cancel(null);
		else this.#debouncer.call(null);
	}

	/** Goes to the next match, or with -1 to the previous one, wrapping at the ends. */
	async step(by: 1 | -1): Promise<void> {
		const found = this.found.value;
		if (found === null) return this.#search();
		if (found.length === 0) return;
		this.at.value = (this.at.value + by + found.length) % found.length;
		await this.#show();
	}

	/** Runs the search and shows the last match: users look for new messages more often than for old ones. */
	async #search(): Promise<void> {
		this.#debouncer.cancel(null);
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
		// Reset first, because a step to the only match shows it again.
		this.shown.value = null;
		if (id === undefined) return;
		await this.#chat.load((view) => this.#chat.transcript.show(view, id));
		if (found === this.found.value && id === found?.[this.at.value]) this.shown.value = id;
	}
}
