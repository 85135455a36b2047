/** Recovery options when the conversations cannot be opened, and the outcome of those that were tried. */
import { computed, signal } from "@preact/signals-core";
import type { RecoveryOptions } from "../../ipc/bindings";
import { messageOf } from "../../ipc/errors";
import type { Commands } from "../../ipc/host";
import { count } from "../../shared/format";

/** The commands that work without a database. */
export type RecoveryCommands = Pick<
	Commands,
	| "waysOn"
	| "startWithBackup"
	| "startWithSaved"
	| "startWithEmpty"
	| "saveReadable"
	| "openDataFolder"
>;

export class Recovery {
	/** Available options; null until known. */
	readonly options = signal<RecoveryOptions | null>(null);
	/** The running action, as shown to the user; null if there is none. */
	readonly working = signal<string | null>(null);
	/** Outcome of the last action. */
	readonly outcome = signal("");
	/** Conversations were salvaged that Conch can start with. */
	readonly isSaved = signal(false);
	readonly isBusy = computed(() => this.working.value !== null);
	readonly #commands: RecoveryCommands;

	constructor(commands: RecoveryCommands) {
		this.#commands = commands;
	}

	async load(): Promise<void> {
		await this.#try(null, async () => {
			this.options.value = await this.#commands.waysOn();
		});
	}

	/** The page reloads on success. */
	async startWithBackup(name: string): Promise<void> {
		await this.#try("Starting with the backup…", () => this.#commands.startWithBackup(name));
	}

	async startWithSaved(): Promise<void> {
		await this.#try("Starting with the saved conversations…", () =>
			this.#commands.startWithSaved(),
		);
	}

	async startWithEmpty(): Promise<void> {
		await this.#try("Starting with an empty history…", () => this.#commands.startWithEmpty());
	}

	async save(): Promise<void> {
		await this.#try("Saving what can be read…", async () => {
			const saved = await this.#commands.saveReadable();
			const lost =
				saved.unreadable === 0
					? "No unreadable parts were found."
					: `${count(saved.unreadable, "part")} could not be read.`;
			this.isSaved.value = true;
			const messages = count(saved.messages, "message");
			const conversations = count(saved.conversations, "conversation");
			this.outcome.value = `Saved ${messages} from ${conversations} to ${saved.folder}. ${lost}`;
		});
	}

	async openFolder(): Promise<void> {
		await this.#try(null, () => this.#commands.openDataFolder());
	}

	/** Runs one action at a time, and shows its error. */
	async #try(working: string | null, work: () => Promise<unknown>): Promise<void> {
		if (this.isBusy.value) return;
		this.working.value = working;
		this.outcome.value = "";
		try {
			await work();
		} catch (error) {
			this.outcome.value = messageOf(error);
		}
		this.working.value = null;
	}
}
