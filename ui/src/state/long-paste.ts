/**
 * What is offered after a long text was pasted: to attach it as a file instead, and then to put it back.
 * Nothing happens by itself. Pure but for what it is given to act with.
 */
import { computed, type ReadonlySignal, signal } from "@preact/signals-core";

const LONG_CHARACTERS = 2000;
const LONG_LINES = 40;

const NAME = "Pasted text.txt";

type Offer =
	| { readonly type: "attach"; readonly at: string; readonly text: string }
	| {
			readonly type: "putBack";
			readonly at: string;
			readonly text: string;
			readonly index: number;
			readonly key: string;
	  };

/** What it acts on. */
export interface PasteTarget {
	readonly shownId: ReadonlySignal<string>;
	/** What stands in the field that takes what is typed in the shown conversation. */
	readonly draft: ReadonlySignal<string>;
	type(text: string): void;
	/** Attaches a text; resolves to its key, or null where it was refused. */
	attach(id: string, name: string, text: string): Promise<string | null>;
	detach(id: string, key: string): void;
	/** Whether the file is in the composer. */
	isAttached(id: string, key: string): boolean;
}

/** Whether a text is long enough to be a file. */
export function isLong(text: string): boolean {
	return text.length > LONG_CHARACTERS || text.split("\n").length > LONG_LINES;
}

export class LongPaste {
	readonly #target: PasteTarget;
	readonly #offer = signal<Offer | null>(null);

	constructor(target: PasteTarget) {
		this.#target = target;
	}

	/** What can be done: nothing where it would change something else than was pasted. */
	readonly offered = computed((): Offer["type"] | null => {
		const offer = this.#offer.value;
		const target = this.#target;
		if (offer === null || offer.at !== target.shownId.value) return null;
		const stands =
			offer.type === "attach"
				? target.draft.value.includes(offer.text)
				: target.isAttached(offer.at, offer.key);
		return stands ? offer.type : null;
	});

	/** A text was pasted, and stands or will stand in the draft. */
	pasted(text: string): void {
		// As a textarea keeps it.
		const kept = text.replace(/\r\n?/g, "\n");
		if (isLong(kept)) {
			this.#offer.value = { type: "attach", at: this.#target.shownId.value, text: kept };
		}
	}

	/** Does what is offered. */
	async accept(): Promise<void> {
		const [offer, target] = [this.#offer.value, this.#target];
		if (offer === null || this.offered.value === null) return;
		this.#offer.value = null;
		const { at, text } = offer;
		const draft = target.draft.value;
		if (offer.type === "putBack") {
			const index = Math.min(offer.index, draft.length);
			target.type(draft.slice(0, index) + text + draft.slice(index));
			target.detach(at, offer.key);
			return;
		}
		const key = await target.attach(at, NAME, text);
		// Only now, so that a refusal loses nothing; what was typed meanwhile stays.
		const now = target.draft.value;
		if (key === null || at !== target.shownId.value || !now.includes(text)) return;
		const index = now.lastIndexOf(text);
		target.type(now.slice(0, index) + now.slice(index + text.length));
		this.#offer.value = { type: "putBack", at, text, index, key };
	}

	dismiss(): void {
		this.#offer.value = null;
	}
}
