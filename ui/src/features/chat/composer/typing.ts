/** The composer's active field of the shown branch, and its text. */
import {
	batch,
	computed,
	effect,
	type ReadonlySignal,
	signal,
	untracked,
} from "@preact/signals-core";
import { type BranchKey, NEW } from "../../../ipc/branch";
import type { Drafts } from "./drafts";
import { type Field, type FieldState, FREE, nextFieldState } from "./hand-over";
import {
	endOfChange,
	type History,
	joinHistories,
	newHistory,
	recordChange,
	redoStep,
	undoStep,
} from "./undo";

export interface TypingDeps {
	readonly drafts: Drafts;
	/** The shown branch, as its draft is kept. */
	readonly key: ReadonlySignal<BranchKey>;
	readonly busy: ReadonlySignal<boolean>;
}

export class Typing {
	readonly #deps: TypingDeps;
	readonly #state = signal<FieldState>(FREE);
	/** The branch that was shown last. */
	#key = NEW;
	readonly #histories: Record<Field, Map<BranchKey, History>> = {
		message: new Map(),
		next: new Map(),
	};

	readonly field = computed(() => this.#state.value.field);
	/** Text of the active field. */
	readonly text = computed(() => {
		const { drafts, key } = this.#deps;
		const texts = this.field.value === "next" ? drafts.nextTexts : drafts.texts;
		return texts.value.get(key.value) ?? "";
	});

	constructor(deps: TypingDeps) {
		this.#deps = deps;
		// A reload restores the text of the next message's field, perhaps with no answer pending.
		const hasNext = computed(() => (deps.drafts.nextTexts.value.get(deps.key.value) ?? "") !== "");
		effect(() => {
			const [key, busy] = [deps.key.value, deps.busy.value];
			void hasNext.value;
			// A composition does not continue in another conversation.
			const composing = key === this.#key && this.#state.peek().composing;
			this.#key = key;
			untracked(() => this.#learn(key, { busy, composing }));
		});
	}

	/** Sets the text of the active field. */
	type(text: string): void {
		const { composing } = this.#state.value;
		this.#keep(recordChange(this.#history(this.field.value), this.text.value, text, composing));
		this.#write(text);
	}

	/** Undoes the last change. Returns the new position of the caret, or null if nothing was undone. */
	undo(): number | null {
		return this.#step(undoStep);
	}

	/** Redoes an undone change, and returns as {@link undo} does. */
	redo(): number | null {
		return this.#step(redoStep);
	}

	/** Called when an IME composition starts or ends. */
	compose(composing: boolean): void {
		this.#learn(this.#deps.key.value, { composing });
	}

	/** Moves the histories of what was typed before its conversation existed. */
	adopt(from: BranchKey, to: BranchKey): void {
		for (const histories of Object.values(this.#histories)) {
			const history = histories.get(from);
			if (history !== undefined) histories.set(to, history);
			histories.delete(from);
		}
		if (this.#key === from) this.#key = to;
	}

	#step(step: (history: History) => History | null): number | null {
		const text = this.text.value;
		const after = step(this.#history(this.field.value));
		// During a composition, the input method has its own undo.
		if (after === null || this.#state.value.composing) return null;
		this.#keep(after);
		this.#write(after.now);
		return endOfChange(text, after.now);
	}

	#write(text: string): void {
		const { drafts, key } = this.#deps;
		if (this.field.value === "next") drafts.typeNext(key.value, text);
		else drafts.type(key.value, text);
	}

	/** Returns the history of a field's text; a text that was changed by other means has none. */
	#history(field: Field): History {
		const { drafts, key } = this.#deps;
		const text = field === "next" ? drafts.nextOf(key.value) : drafts.of(key.value);
		const known = this.#histories[field].get(key.value);
		return known?.now === text ? known : newHistory(text);
	}

	#keep(history: History): void {
		this.#histories[this.field.value].set(this.#deps.key.value, history);
	}

	#learn(key: BranchKey, news: Parameters<typeof nextFieldState>[1]): void {
		const { drafts } = this.#deps;
		batch(() => {
			this.#state.value = nextFieldState(this.#state.value, news);
			if (this.field.value !== "message" || drafts.nextOf(key) === "") return;
			const history = joinHistories(this.#history("message"), this.#history("next"));
			// In one render, so that the text is always in one of the fields.
			drafts.handOver(key);
			this.#keep(history);
			this.#histories.next.delete(key);
		});
	}
}
