/** Why nothing is sent, each shown until its reason is gone. */

import { effect, untracked } from "@preact/signals-core";
import type { ToastAction } from "../toasts/toasts";

const STILL_READING = "Wait until all files are attached";

const PLEASE_WAIT = "Generation in progress, please wait...";

/** Where refusals are shown. */
export interface RefusalToasts {
	show(toast: {
		readonly text: string;
		readonly kind: "refusal";
		readonly actions: readonly ToastAction[];
	}): number;
	dismissRefusals(): void;
}

/** An error that is dismissed by setting it to null. */
export interface DismissibleError {
	set(text: string | null): void;
}

/** What the shown branch waits for. */
export interface RefusalReasons {
	/** An answer is being written, or may not be started. */
	isBusy(): boolean;
	/** A file is being attached. */
	isReading(): boolean;
}

export class Refusals {
	readonly #toasts: RefusalToasts;
	readonly #stillReading: DismissibleError;

	constructor(toasts: RefusalToasts, stillReading: DismissibleError) {
		this.#toasts = toasts;
		this.#stillReading = stillReading;
	}

	/** Dismisses each refusal as soon as its reason is gone. */
	watch(reasons: RefusalReasons): void {
		effect(() => {
			if (!reasons.isBusy()) untracked(() => this.#toasts.dismissRefusals());
		});
		effect(() => {
			if (!reasons.isReading()) untracked(() => this.#stillReading.set(null));
		});
	}

	/**
	 * Shows that an answer is being written: here, or on the branch of that name. Offers other ways to send what was
	 * typed.
	 */
	askToWait(elsewhere: string | null, waysOut: readonly ToastAction[]): void {
		const where = elsewhere === null ? "" : ` The branch “${elsewhere}” is answering.`;
		this.#toasts.show({ text: PLEASE_WAIT + where, kind: "refusal", actions: waysOut });
	}

	/** Shows that a file is still being attached. */
	askToWaitForFiles(): void {
		this.#stillReading.set(STILL_READING);
	}
}
