/** The banner above an earlier version that is only read, with the ways back and on. */
import type { ReadonlySignal } from "@preact/signals-core";
import { html, nothing } from "lit-html";
import { mountView } from "../../../shared/dom";
import { icon } from "../../../shared/icon";

/** A branch of which a version may be read. */
interface Readable {
	/** An answer is being written: no version can be selected. */
	readonly holdsHead: ReadonlySignal<boolean>;
	readonly versions: { readonly reading: ReadonlySignal<object | null> };
	showLatest(): Promise<void>;
	continueFromVersion(): Promise<void>;
}

export interface ReadingBannerDeps {
	readonly shown: ReadonlySignal<Readable>;
	readonly follower: { stick(): void };
	/** Moves the focus to what receives keystrokes. */
	takeFocus(): void;
}

export function mountReadingBanner(
	root: HTMLElement,
	{ shown, follower, takeFocus }: ReadingBannerDeps,
): void {
	const back = () => void shown.value.showLatest().then(() => follower.stick());
	mountView(
		root,
		() => {
			const { versions, holdsHead } = shown.value;
			if (versions.reading.value === null) return html`${nothing}`;
			return html`
        <div class="reading-banner">
          <p>You are reading an earlier version.</p>
          <button id="continue-from-version" type="button" aria-disabled=${String(holdsHead.value)}
            @click=${() => void shown.value.continueFromVersion()}>Continue from here</button>
          <button id="back-to-answer" type="button" @click=${back}>
            ${icon("arrow-down")}<span>Back to the answer</span></button>
        </div>
      `;
		},
		undefined,
		takeFocus,
	);
}
