/** The ways on when the conversations cannot be opened, and what became of those that were tried. */
import { computed, signal } from "@preact/signals-core";
import { commands, messageOf, type WaysOn } from "../ipc/host";

const PLACES = (count: number) => (count === 1 ? "1 place" : `${count} places`);

export class Recovery {
	/** What can be offered; null until it is known. */
	readonly options = signal<WaysOn | null>(null);
	/** What goes on, for whoever waits. */
	readonly working = signal<string | null>(null);
	/** What came of the last try. */
	readonly outcome = signal("");
	/** Something was saved that Conch can start with. */
	readonly isSaved = signal(false);
	readonly isBusy = computed(() => this.working.value !== null);

	async load(): Promise<void> {
		await this.#try(null, async () => {
			this.options.value = await commands.waysOn();
		});
	}

	/** The page begins again when it has worked. */
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

	/** One thing at a time. */
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
