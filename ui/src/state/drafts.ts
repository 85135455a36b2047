/**
 * What is typed and not sent, for each conversation and for the one that does not exist yet: here at
 * once, in the core soon after, so that neither a switch nor a crash loses it.
 */
import { batch, signal } from "@preact/signals-core";
import { commands } from "../ipc/host";

/** How long after the last key the core is told, in ms. */
const PAUSE = 400;

/** The conversation that does not exist yet. */
export const NEW = "";

export class Drafts {
	readonly texts = signal<ReadonlyMap<string, string>>(new Map());
	readonly #unsaved = new Set<string>();
	#timer: ReturnType<typeof setTimeout> | undefined;
	#saving: Promise<void> = Promise.resolve();

	of(id: string): string {
		return this.texts.value.get(id) ?? "";
	}

	/** Takes what was typed. */
	type(id: string, text: string): void {
		this.#set(id, text);
		// Saved in the order of the last change.
		this.#unsaved.delete(id);
		this.#unsaved.add(id);
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => this.flush(), PAUSE);
	}

	/** Takes what the core kept, unless something was typed here since. */
	restore(id: string, text: string): void {
		if (!this.texts.value.has(id)) this.#set(id, text);
	}

	/** Takes out what was sent, and leaves what was typed after it. */
	sent(id: string, text: string): void {
		if (this.of(id) === text) this.type(id, "");
	}

	/** Moves what was typed before its conversation existed. It is saved there before it goes here. */
	adopt(id: string): void {
		batch(() => {
			this.type(id, this.of(NEW));
			this.type(NEW, "");
		});
	}

	/** Tells the core now, of one after the other. */
	flush(): void {
		clearTimeout(this.#timer);
		const unsaved = [...this.#unsaved];
		this.#unsaved.clear();
		for (const id of unsaved) this.#saving = this.#saving.then(() => this.#save(id));
	}

	/** When all that the core was told is kept. */
	saved(): Promise<void> {
		return this.#saving;
	}

	async #save(id: string): Promise<void> {
		// A conversation that was deleted meanwhile has no draft to keep.
		await commands.saveDraft(id === NEW ? null : id, this.of(id)).catch(() => {});
	}

	#set(id: string, text: string): void {
		this.texts.value = new Map(this.texts.value).set(id, text);
	}
}
