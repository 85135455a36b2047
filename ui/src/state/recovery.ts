/** Recovery options when the conversations cannot be opened, and the outcome of those that were tried. */
import { computed, signal } from "@preact/signals-core";
import { commands, messageOf, type RecoveryOptions } from "../ipc/host";

const PLACES = (count: number) => (count === 1 ? "1 place" : `${count} places`);

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

	async load(): Promise<void> {
		await this.#try(null, async () => {
			this.options.value = await commands.waysOn();
		});
	}

	/** The page reloads on success. */
	async startWithBackup(name: string): Promise<void> {
		await this.#try("Starting with the backup…", () => commands.startWithBackup(name));
	}

	async startWithSaved(): Promise<void> {
		await this.#try("Starting with what was saved…", () => commands.startWithSaved());
	}

	async startWithEmpty(): Promise<void> {
		await this.#try("Starting with no conversations…", () => commands.startWithEmpty());
	}

	async save(): Promise<void> {
		await this.#try("Reading what can be read…", async () => {
			const saved = await commands.saveReadable();
			const lost =
				saved.unreadable === 0
					? "Nothing was unreadable."
					: `${PLACES(saved.unreadable)} could not be read.`;
			this.isSaved.value = true;
			this.outcome.value = `Saved ${saved.messages} messages of ${saved.conversations} conversations in ${saved.folder}. ${lost}`;
		});
	}

	async openFolder(): Promise<void> {
		await this.#try(null, () => commands.openDataFolder());
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
