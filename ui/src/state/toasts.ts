/** The notes that float over the page for a while: at most one refusal at a time. */
import { signal } from "@preact/signals-core";

/** How long a note stays, in ms, unless it is looked at. */
const LIFETIME = 8000;

export interface Toast {
	readonly id: number;
	readonly text: string;
	readonly isError: boolean;
}

export class Toasts {
	readonly shown = signal<readonly Toast[]>([]);
	readonly #timers = new Map<number, ReturnType<typeof setTimeout>>();
	#lastId = 0;

	/** Shows an error; one with the same text only gets its time anew. */
	error(text: string): void {
		this.#show(text, true);
	}

	/** Shows a note that needs no action. */
	note(text: string): void {
		this.#show(text, false);
	}

	dismiss(id: number): void {
		this.hold(id);
		this.shown.value = this.shown.value.filter((toast) => toast.id !== id);
	}

	/** Keeps a note while the pointer or the focus is on it. */
	hold(id: number): void {
		clearTimeout(this.#timers.get(id));
		this.#timers.delete(id);
	}

	/** Lets a note go after its time. */
	release(id: number): void {
		this.hold(id);
		this.#timers.set(
			id,
			setTimeout(() => this.dismiss(id), LIFETIME),
		);
	}

	#show(text: string, isError: boolean): void {
		const same = this.shown.value.find((toast) => toast.text === text);
		if (same !== undefined) {
			this.release(same.id);
			return;
		}
		this.#lastId += 1;
		const others = this.shown.value.filter((toast) => toast.isError !== isError);
		this.shown.value = [...others, { id: this.#lastId, text, isError }];
		this.release(this.#lastId);
	}
}
