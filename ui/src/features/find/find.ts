/** Search in the shown branch, including messages that are not loaded. */
import { type ReadonlySignal, signal } from "@preact/signals-core";
import { messageOf } from "../../ipc/errors";
import type { Commands } from "../../ipc/host";
import { Debouncer } from "../../shared/time";

type FindCommands = Pick<Commands, "findInConversation">;

/** A branch that can be searched. */
export interface Searchable {
	/** Null while it is not read. */
	readonly view: ReadonlySignal<{ readonly id: string; readonly branchId: string } | null>;
	/** Loads a message with those around it. */
	showMessage(messageId: string): Promise<void>;
}

export class Find {
	readonly isOpen = signal(false);
	readonly text = signal("");
	/** Ids of the matching messages, oldest first; null until the search has run. */
	readonly found = signal<readonly string[] | null>(null);
	/** Index of the shown match, from 0. */
	readonly at = signal(0);
	/** The match to scroll to: set once it is loaded. */
	readonly shown = signal<string | null>(null);
	readonly #commands: FindCommands;
	readonly #branch: ReadonlySignal<Searchable>;
	readonly #fail: (reason: string) => void;
	readonly #debouncer = new Debouncer(() => void this.#search());

	/** Searches `branch`, whichever it is at the time. Calls `fail` with the reason if that is not possible. */
	constructor(
		commands: FindCommands,
		branch: ReadonlySignal<Searchable>,
		fail: (reason: string) => void,
	) {
		this.#commands = commands;
		this.#branch = branch;
		this.#fail = fail;
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
		const [branch, text] = [this.#branch.value, this.text.value];
		const view = branch.view.value;
		if (view === null || text === "") return;
		try {
			const found = await this.#commands.findInConversation(view.id, view.branchId, text);
			if (text !== this.text.value || branch !== this.#branch.value) return;
			this.at.value = Math.max(0, found.length - 1);
			this.found.value = found;
			await this.#show();
		} catch (error) {
			this.#fail(messageOf(error));
		}
	}

	async #show(): Promise<void> {
		const found = this.found.value;
		const id = found?.[this.at.value];
		// Reset first, because a step to the only match shows it again.
		this.shown.value = null;
		if (id === undefined) return;
		await this.#branch.value.showMessage(id);
		if (found === this.found.value && id === found?.[this.at.value]) this.shown.value = id;
	}
}
