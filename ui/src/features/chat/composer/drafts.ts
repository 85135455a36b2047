/**
 * Drafts, for each conversation and for the one that does not exist yet: here immediately, in the core soon
 * after, so that neither a switch nor a crash loses them. While an answer is written, a draft is in two fields;
 * the core stores them as one text.
 */
import { batch, signal } from "@preact/signals-core";
import { commands, hasCode, isIpcError, messageOf } from "../../../ipc/host";
import { joinTexts, textBefore } from "./hand-over";
import { rememberedNextPart, rememberNextPart } from "./next-part";

/** Delay between a change and the save of it and of what followed, in ms. */
const SAVE_DELAY = 400;

/** Delay before a failed save is retried, in ms. */
const RETRY_DELAY = 5000;

/** Id of the conversation that does not exist yet. */
export const NEW = "";

export class Drafts {
	/** Text of the message field. */
	readonly texts = signal<ReadonlyMap<string, string>>(new Map());
	/** Text of the field for the next message. */
	readonly nextTexts = signal<ReadonlyMap<string, string>>(new Map());
	readonly #fail: (reason: string | null) => void;
	readonly #unsaved = new Set<string>();
	/** Conversations whose stored draft has been restored. */
	readonly #restored = new Set<string>();
	/** Conversations whose stored draft is being read: what is typed until then is not saved over it. */
	readonly #awaited = new Set<string>();
	#timer: ReturnType<typeof setTimeout> | undefined;
	/** Delay of the running timer, in ms. */
	#pause = 0;
	#saving: Promise<void> = Promise.resolve();
	/** Conversations whose last save failed. */
	readonly #failed = new Set<string>();

	/** Calls `fail` with the reason each time a draft cannot be saved, and with `null` when all are saved. */
	constructor(fail: (reason: string | null) => void = () => {}) {
		this.#fail = fail;
	}

	of(id: string): string {
		return this.texts.value.get(id) ?? "";
	}

	nextOf(id: string): string {
		return this.nextTexts.value.get(id) ?? "";
	}

	/** Sets the text of the message field. */
	type(id: string, text: string): void {
		this.#set(id, text);
		this.#changed(id);
	}

	/** Sets the text of the field for the next message. */
	typeNext(id: string, text: string): void {
		this.#setNext(id, text);
		this.#changed(id);
	}

	/** Appends the text for the next message to that of the message field. */
	handOver(id: string): void {
		if (this.nextOf(id) === "") return;
		batch(() => {
			this.#set(id, joinTexts(this.of(id), this.nextOf(id)));
			this.#setNext(id, "");
		});
		this.#changed(id);
	}

	/** Notes that the stored draft is being read. */
	expect(id: string): void {
		if (!this.#restored.has(id)) this.#awaited.add(id);
	}

	/** Restores the stored draft, once, and appends what was typed since. */
	restore(id: string, text: string): void {
		if (this.#restored.has(id)) return;
		this.#restored.add(id);
		this.#awaited.delete(id);
		const next = rememberedNextPart(id);
		const rest = textBefore(text, next);
		const isUntouched = this.of(id) === "" && this.nextOf(id) === "";
		batch(() => {
			if (rest === null || !isUntouched) {
				this.#set(id, joinTexts(text, this.of(id)));
			} else {
				this.#set(id, rest);
				this.#setNext(id, next);
			}
		});
		if (this.#unsaved.has(id)) this.#saveSoon();
	}

	/** Clears the text that was sent, and leaves what was typed after it. */
	sent(id: string, text: string): void {
		if (this.of(id) !== text) return;
		this.type(id, "");
		// A crash now would restore what was sent, before what was typed since.
		if (this.nextOf(id) !== "") this.flush();
	}

	/** Moves the draft typed before its conversation existed. It is saved there before it is cleared here. */
	adopt(id: string): void {
		this.#restored.add(id);
		batch(() => {
			this.typeNext(id, this.nextOf(NEW));
			this.type(id, this.of(NEW));
			this.typeNext(NEW, "");
			this.type(NEW, "");
		});
	}

	/** Saves the unsaved drafts now, one after the other. */
	flush(): void {
		clearTimeout(this.#timer);
		this.#timer = undefined;
		const unsaved = [...this.#unsaved].filter((id) => !this.#awaited.has(id));
		for (const id of unsaved) {
			this.#unsaved.delete(id);
			rememberNextPart(id, this.nextOf(id));
			this.#saving = this.#saving.then(() => this.#save(id));
		}
	}

	/** Resolves when all saves started so far are done. */
	whenSaved(): Promise<void> {
		return this.#saving;
	}

	async #save(id: string): Promise<void> {
		try {
			await commands.saveDraft(id === NEW ? null : id, joinTexts(this.of(id), this.nextOf(id)));
			this.#settled(id);
		} catch (error) {
			// A conversation that was deleted meanwhile has no draft to keep.
			if (hasCode(error, "not_found")) return this.#settled(id);
			if (!isIpcError(error)) return;
			this.#unsaved.add(id);
			this.#failed.add(id);
			this.#saveSoon(RETRY_DELAY);
			this.#fail(`Draft not saved yet: ${messageOf(error)}`);
		}
	}

	#settled(id: string): void {
		if (this.#failed.delete(id) && this.#failed.size === 0) this.#fail(null);
	}

	#changed(id: string): void {
		// Saved in the order of the last change.
		this.#unsaved.delete(id);
		this.#unsaved.add(id);
		this.#saveSoon();
	}

	#saveSoon(pause = SAVE_DELAY): void {
		// Not a debounce: what is typed without a pause is saved, too.
		if (this.#timer !== undefined && this.#pause <= pause) return;
		clearTimeout(this.#timer);
		this.#pause = pause;
		this.#timer = setTimeout(() => this.flush(), pause);
	}

	#set(id: string, text: string): void {
		this.texts.value = new Map(this.texts.value).set(id, text);
	}

	#setNext(id: string, text: string): void {
		this.nextTexts.value = new Map(this.nextTexts.value).set(id, text);
	}
}
