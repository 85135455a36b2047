/**
 * What is typed and not sent, for each conversation: here at once, in the core soon after, so that
 * neither a switch nor a crash loses it.
 */
import { signal } from "@preact/signals-core";
import { commands } from "../ipc/host";

/** How long after the last key the core is told, in ms. */
const PAUSE = 400;

/** The conversation that does not exist yet. */
export const NEW = "";

export class Drafts {
	readonly texts = signal<ReadonlyMap<string, string>>(new Map());
	readonly #unsaved = new Set<string>();
	#timer: ReturnType<typeof setTimeout> | undefined;

	of(id: string): string {
		return this.texts.value.get(id) ?? "";
	}

	/** Takes what was typed. */
	type(id: string, text: string): void {
		this.#set(id, text);
		if (id !== NEW) this.#unsaved.add(id);
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

	/** Moves what was typed before its conversation existed. */
	adopt(id: string): void {
		const text = this.of(NEW);
		this.#set(NEW, "");
		this.type(id, text);
	}

	/** Tells the core now. */
	flush(): void {
		clearTimeout(this.#timer);
		for (const id of this.#unsaved) {
			this.#unsaved.delete(id);
			// A conversation that was deleted meanwhile has no draft to keep.
			commands.saveDraft(id, this.of(id)).catch(() => {});
		}
	}

	#set(id: string, text: string): void {
		this.texts.value = new Map(this.texts.value).set(id, text);
	}
}
