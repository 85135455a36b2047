/** The composer's active field in the shown conversation, and its text. */
import {
	batch,
	computed,
	effect,
	type ReadonlySignal,
	signal,
	untracked,
} from "@preact/signals-core";
import { type Drafts, NEW } from "./drafts";
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
	readonly shownId: ReadonlySignal<string>;
	readonly busy: ReadonlySignal<boolean>;
}

export class Typing {
	readonly #deps: TypingDeps;
	readonly #state = signal<FieldState>(FREE);
	/** The conversation that was shown last. */
	#id = NEW;
	readonly #histories: Record<Field, Map<string, History>> = {
		message: new Map(),
		next: new Map(),
	};

	readonly field = computed(() => this.#state.value.field);
	/** Text of the active field. */
	readonly text = computed(() => {
		const { drafts, shownId } = this.#deps;
		const texts = this.field.value === "next" ? drafts.nextTexts : drafts.texts;
		return texts.value.get(shownId.value) ?? "";
	});

	constructor(deps: TypingDeps) {
		this.#deps = deps;
		// A reload restores the text of the next message's field, perhaps with no answer pending.
		const hasNext = computed(
			() => (deps.drafts.nextTexts.value.get(deps.shownId.value) ?? "") !== "",
		);
		effect(() => {
			const [id, busy] = [deps.shownId.value, deps.busy.value];
			void hasNext.value;
			// A composition does not continue in another conversation.
			const composing = id === this.#id && this.#state.peek().composing;
			this.#id = id;
			untracked(() => this.#learn(id, { busy, composing }));
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
		this.#learn(this.#deps.shownId.value, { composing });
	}

	/** Moves the histories of what was typed before its conversation existed. */
	adopt(from: string, to: string): void {
		for (const histories of Object.values(this.#histories)) {
			const history = histories.get(from);
			if (history !== undefined) histories.set(to, history);
			histories.delete(from);
		}
		if (this.#id === from) this.#id = to;
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
		const { drafts, shownId } = this.#deps;
		if (this.field.value === "next") drafts.typeNext(shownId.value, text);
		else drafts.type(shownId.value, text);
	}

	/** Returns the history of a field's text; a text that was changed by other means has none. */
	#history(field: Field): History {
		const { drafts, shownId } = this.#deps;
		const id = shownId.value;
		const text = field === "next" ? drafts.nextOf(id) : drafts.of(id);
		const known = this.#histories[field].get(id);
		return known?.now === text ? known : newHistory(text);
	}

	#keep(history: History): void {
		this.#histories[this.field.value].set(this.#deps.shownId.value, history);
	}

	#learn(id: string, news: Parameters<typeof nextFieldState>[1]): void {
		const { drafts } = this.#deps;
		batch(() => {
			this.#state.value = nextFieldState(this.#state.value, news);
			if (this.field.value !== "message" || drafts.nextOf(id) === "") return;
			const history = joinHistories(this.#history("message"), this.#history("next"));
			// In one render, so that the text is always in one of the fields.
			drafts.handOver(id);
			this.#keep(history);
			this.#histories.next.delete(id);
		});
	}
}
