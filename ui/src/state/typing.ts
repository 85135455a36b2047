/** Which field of the composer takes what is typed in the shown conversation, and what stands in it. */
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
	/** What stands in the field that takes what is typed. */
	readonly text = computed(() => {
		const { drafts, shownId } = this.#deps;
		const texts = this.field.value === "next" ? drafts.nextTexts : drafts.texts;
		return texts.value.get(shownId.value) ?? "";
	});

	constructor(deps: TypingDeps) {
		this.#deps = deps;
		// A reload brings back what stood in the next message's field, perhaps with nothing to wait for.
		const hasNext = computed(
			() => (deps.drafts.nextTexts.value.get(deps.shownId.value) ?? "") !== "",
		);
		effect(() => {
			const [id, busy] = [deps.shownId.value, deps.busy.value];
			void hasNext.value;
			// What is composed in one conversation does not go on in another.
			const composing = id === this.#id && this.#state.peek().composing;
			this.#id = id;
			untracked(() => this.#learn(id, { busy, composing }));
		});
	}

	/** Takes what stands in the field now. */
	type(text: string): void {
		const { composing } = this.#state.value;
		this.#keep(recordChange(this.#history(this.field.value), this.text.value, text, composing));
		this.#write(text);
	}

	/** Takes the last change back. Returns where the caret stands then, or null where nothing is. */
	undo(): number | null {
		return this.#step(undoStep);
	}

	/** Makes a change again that was taken back, as {@link undo} does. */
	redo(): number | null {
		return this.#step(redoStep);
	}

	/** An input method begins to compose, or has ended. */
	compose(composing: boolean): void {
		this.#learn(this.#deps.shownId.value, { composing });
	}

	/** What was typed before its conversation existed is that conversation's. */
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
		// Who composes takes back what is composed.
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

	/** The history of what stands in a field; what was changed by something else has none. */
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
			// In one drawing: what leaves one field stands in the other.
			drafts.handOver(id);
			this.#keep(history);
			this.#histories.next.delete(id);
		});
	}
}
