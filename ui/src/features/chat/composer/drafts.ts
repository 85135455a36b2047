/**
 * Drafts, by branch, and of the conversation that does not exist yet: here immediately, in the core soon
 * after, so that neither a switch nor a crash loses them. While an answer is written, a draft is in two fields;
 * the core stores them as one text.
 */
import { batch, signal } from "@preact/signals-core";
import { type BranchKey, composerOf, NEW } from "../../../ipc/branch";
import { hasCode, isIpcError, messageOf } from "../../../ipc/errors";
import type { Commands } from "../../../ipc/host";
import { joinTexts, textBefore } from "./hand-over";
import { rememberedNextPart, rememberNextPart } from "./next-part";

/** Delay between a change and the save of it and of what followed, in ms. */
const SAVE_DELAY = 400;

/** Delay before a failed save is retried, in ms. */
const RETRY_DELAY = 5000;

type DraftCommands = Pick<Commands, "saveDraft">;

export class Drafts {
	/** Text of the message field. */
	readonly texts = signal<ReadonlyMap<BranchKey, string>>(new Map());
	/** Text of the field for the next message. */
	readonly nextTexts = signal<ReadonlyMap<BranchKey, string>>(new Map());
	readonly #commands: DraftCommands;
	readonly #fail: (reason: string | null) => void;
	readonly #unsaved = new Set<BranchKey>();
	/** Branches whose stored draft has been restored. */
	readonly #restored = new Set<BranchKey>();
	/** Branches whose stored draft is being read: what is typed until then is not saved over it. */
	readonly #awaited = new Set<BranchKey>();
	#timer: ReturnType<typeof setTimeout> | undefined;
	/** Delay of the running timer, in ms. */
	#pause = 0;
	#saving: Promise<void> = Promise.resolve();
	/** Branches whose last save failed. */
	readonly #failed = new Set<BranchKey>();

	/** Calls `fail` with the reason each time a draft cannot be saved, and with `null` when all are saved. */
	constructor(commands: DraftCommands, fail: (reason: string | null) => void) {
		this.#commands = commands;
		this.#fail = fail;
	}

	of(key: BranchKey): string {
		return this.texts.value.get(key) ?? "";
	}

	nextOf(key: BranchKey): string {
		return this.nextTexts.value.get(key) ?? "";
	}

	/** Sets the text of the message field. */
	type(key: BranchKey, text: string): void {
		this.#set(key, text);
		this.#changed(key);
	}

	/** Sets the text of the field for the next message. */
	typeNext(key: BranchKey, text: string): void {
		this.#setNext(key, text);
		this.#changed(key);
	}

	/** Appends the text for the next message to that of the message field. */
	handOver(key: BranchKey): void {
		if (this.nextOf(key) === "") return;
		batch(() => {
			this.#set(key, joinTexts(this.of(key), this.nextOf(key)));
			this.#setNext(key, "");
		});
		this.#changed(key);
	}

	/** Notes that the stored draft is being read. */
	expect(key: BranchKey): void {
		if (!this.#restored.has(key)) this.#awaited.add(key);
	}

	/** Restores the stored draft, once, and appends what was typed since. */
	restore(key: BranchKey, text: string): void {
		if (this.#restored.has(key)) return;
		this.#restored.add(key);
		this.#awaited.delete(key);
		const next = rememberedNextPart(key);
		const rest = textBefore(text, next);
		const isUntouched = this.of(key) === "" && this.nextOf(key) === "";
		batch(() => {
			if (rest === null || !isUntouched) {
				this.#set(key, joinTexts(text, this.of(key)));
			} else {
				this.#set(key, rest);
				this.#setNext(key, next);
			}
		});
		if (this.#unsaved.has(key)) this.#saveSoon();
	}

	/** Clears the text that was sent, and leaves what was typed after it. */
	sent(key: BranchKey, text: string): void {
		const now = this.of(key);
		if (!now.startsWith(text)) return;
		this.type(key, restAfter(now, text));
		// A crash now would restore what was sent, before what was typed since.
		if (this.nextOf(key) !== "") this.flush();
	}

	/** Returns the text of both fields, as it is sent together. */
	whole(key: BranchKey): string {
		return joinTexts(this.of(key), this.nextOf(key));
	}

	/** Clears the text of both fields that was sent, and leaves what was typed after it where it is. */
	sentWhole(key: BranchKey, text: string): void {
		const now = this.whole(key);
		if (!now.startsWith(text)) return;
		const rest = restAfter(now, text);
		const isInNext = this.nextOf(key) !== "";
		batch(() => {
			this.#set(key, isInNext ? "" : rest);
			this.#setNext(key, isInNext ? rest : "");
		});
		this.#changed(key);
		// A crash now would restore what was sent.
		this.flush();
	}

	/** Moves the draft typed before its conversation existed. It is saved there before it is cleared here. */
	adopt(key: BranchKey): void {
		this.#restored.add(key);
		batch(() => {
			this.typeNext(key, this.nextOf(NEW));
			this.type(key, this.of(NEW));
			this.typeNext(NEW, "");
			this.type(NEW, "");
		});
	}

	/** Saves the unsaved drafts now, one after the other. */
	flush(): void {
		clearTimeout(this.#timer);
		this.#timer = undefined;
		const unsaved = [...this.#unsaved].filter((key) => !this.#awaited.has(key));
		for (const key of unsaved) {
			this.#unsaved.delete(key);
			rememberNextPart(key, this.nextOf(key));
			this.#saving = this.#saving.then(() => this.#save(key));
		}
	}

	/** Resolves when all saves started so far are done. */
	whenSaved(): Promise<void> {
		return this.#saving;
	}

	async #save(key: BranchKey): Promise<void> {
		try {
			const text = this.whole(key);
			const { conversationId, branchId } = composerOf(key);
			await this.#commands.saveDraft(conversationId, branchId, text);
			this.#settled(key);
		} catch (error) {
			// A branch that was deleted meanwhile has no draft to keep.
			if (hasCode(error, "not_found")) return this.#settled(key);
			if (!isIpcError(error)) return;
			this.#unsaved.add(key);
			this.#failed.add(key);
			this.#saveSoon(RETRY_DELAY);
			this.#fail(`Draft not saved yet: ${messageOf(error)}`);
		}
	}

	#settled(key: BranchKey): void {
		if (this.#failed.delete(key) && this.#failed.size === 0) this.#fail(null);
	}

	#changed(key: BranchKey): void {
		// Saved in the order of the last change.
		this.#unsaved.delete(key);
		this.#unsaved.add(key);
		this.#saveSoon();
	}

	#saveSoon(pause = SAVE_DELAY): void {
		// Not a debounce: what is typed without a pause is saved, too.
		if (this.#timer !== undefined && this.#pause <= pause) return;
		clearTimeout(this.#timer);
		this.#pause = pause;
		this.#timer = setTimeout(() => this.flush(), pause);
	}

	#set(key: BranchKey, text: string): void {
		this.texts.value = new Map(this.texts.value).set(key, text);
	}

	#setNext(key: BranchKey, text: string): void {
		this.nextTexts.value = new Map(this.nextTexts.value).set(key, text);
	}
}

/** Returns what was typed after a text that was sent. */
function restAfter(now: string, sent: string): string {
	return now.slice(sent.length).replace(/^\n/, "");
}
