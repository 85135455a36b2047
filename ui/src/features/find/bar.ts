/** Draws the find bar, and highlights and scrolls to what is found. */
import { effect } from "@preact/signals-core";
import { mountView } from "../../shared/dom";
import type { Find } from "./find";
import { markText } from "./mark";
import { findBar } from "./view";

export interface FindBarDeps {
	readonly find: Find;
	readonly bar: HTMLElement;
	/** The region whose messages are searched. */
	readonly transcript: HTMLElement;
	/** Scrolls to a message. */
	scrollTo(message: Element): void;
	/** Moves the focus to what receives keystrokes. */
	takeFocus(): void;
}

export class FindBar {
	readonly #deps: FindBarDeps;

	constructor(deps: FindBarDeps) {
		this.#deps = deps;
	}

	/** Opens the bar with its text selected. */
	open(): void {
		this.#deps.find.open();
		const field = this.#deps.bar.querySelector<HTMLInputElement>("#find-text");
		field?.focus();
		field?.select();
	}

	/** Highlights the matches again. Call it when the messages have changed. */
	mark(): void {
		const { find, transcript } = this.#deps;
		markText(transcript, find.isOpen.value ? find.text.value : "");
	}

	mount(): void {
		const { find, bar, transcript, scrollTo, takeFocus } = this.#deps;
		mountView(
			bar,
			() =>
				findBar(
					{
						isOpen: find.isOpen.value,
						text: find.text.value,
						count: find.found.value?.length ?? null,
						at: find.at.value,
					},
					{
						type: (text) => find.type(text),
						step: (by) => void find.step(by),
						close: () => {
							find.close();
							takeFocus();
						},
					},
				),
			() => this.mark(),
			takeFocus,
		);
		effect(() => {
			const id = find.shown.value;
			if (id === null) return;
			const message = transcript.querySelector(`[data-message-id="${id}"]`);
			if (message !== null) scrollTo(message);
		});
	}
}
