/**
 * Offers to attach a long pasted text as a file instead, and then to put it back. Nothing happens without the
 * user. Pure, except for its {@link PasteTarget}.
 */

import { computed, type ReadonlySignal, signal } from "@preact/signals-core";
import type { BranchKey } from "../../ipc/branch";

const LONG_CHARACTERS = 2000;
const LONG_LINES = 40;

const NAME = "Pasted text.txt";

type Offer =
	| { readonly type: "attach"; readonly at: BranchKey; readonly text: string }
	| {
			readonly type: "putBack";
			readonly at: BranchKey;
			readonly text: string;
			readonly index: number;
			readonly key: string;
	  };

/** The composer, as far as the offers change it. */
export interface PasteTarget {
	/** The shown branch. */
	readonly branch: ReadonlySignal<BranchKey>;
	/** Text of its active field. */
	readonly draft: ReadonlySignal<string>;
	type(text: string): void;
	/** Attaches a text; resolves to its key, or null if it was refused. */
	attach(branch: BranchKey, name: string, text: string): Promise<string | null>;
	detach(branch: BranchKey, key: string): void;
	/** Returns whether the file is in the composer. */
	isAttached(branch: BranchKey, key: string): boolean;
}

/** Returns whether a text is long enough to be a file. */
export function isLong(text: string): boolean {
	return text.length > LONG_CHARACTERS || text.split("\n").length > LONG_LINES;
}

export class LongPaste {
	readonly #target: PasteTarget;
	readonly #offer = signal<Offer | null>(null);

	constructor(target: PasteTarget) {
		this.#target = target;
	}

	/** The current offer; null if it would change anything but the pasted text. */
	readonly offered = computed((): Offer["type"] | null => {
		const offer = this.#offer.value;
		const target = this.#target;
		if (offer === null || offer.at !== target.branch.value) return null;
		const stands =
			offer.type === "attach"
				? target.draft.value.includes(offer.text)
				: target.isAttached(offer.at, offer.key);
		return stands ? offer.type : null;
	});

	/** Called when a text was pasted, which is or will be in the draft. */
	pasted(text: string): void {
		// As a textarea normalizes it.
		const kept = text.replace(/\r\n?/g, "\n");
		if (isLong(kept)) {
			this.#offer.value = { type: "attach", at: this.#target.branch.value, text: kept };
		}
	}

	/** Carries out the offer. */
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
		// Removed only now, so that a refusal loses nothing; what was typed meanwhile stays.
		const now = target.draft.value;
		if (key === null || at !== target.branch.value || !now.includes(text)) return;
		const index = now.lastIndexOf(text);
		target.type(now.slice(0, index) + now.slice(index + text.length));
		this.#offer.value = { type: "putBack", at, text, index, key };
	}

	dismiss(): void {
		this.#offer.value = null;
	}
}
