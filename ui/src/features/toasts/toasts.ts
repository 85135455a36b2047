/**
 * Toasts, shown over the page for a while: at most one error, and at most one note besides those with an action,
 * which would be lost with them.
 */
import { signal } from "@preact/signals-core";

/** How long a toast stays, in ms, unless the pointer or the focus is on it. */
const LIFETIME = 8000;

/** `refusal` is a temporary error, dismissed with its reason: {@link Toasts.dismissRefusals}. */
export type ToastKind = "note" | "error" | "refusal";

/** An action that a toast offers. */
export interface ToastAction {
	/** Its `data-action`, where programs look for it. */
	readonly name?: string;
	/** A verb, such as `Undo`. */
	readonly label: string;
	run(): void;
}

/** A toast to show. */
export interface ToastRequest {
	readonly text: string;
	readonly kind: ToastKind;
	readonly actions?: readonly ToastAction[];
	/** How long it stays, in ms; null until it is dismissed. */
	readonly duration?: number | null;
}

export interface Toast {
	readonly id: number;
	readonly text: string;
	readonly kind: ToastKind;
	readonly actions: readonly ToastAction[];
	/** In ms; null until it is dismissed. */
	readonly duration: number | null;
}

export class Toasts {
	/** Oldest first. */
	readonly shown = signal<readonly Toast[]>([]);
	readonly #timers = new Map<number, ReturnType<typeof setTimeout>>();
	#lastId = 0;

	/** Shows a toast and returns its id. The same one again only restarts its timer. */
	show({ text, kind, actions = [], duration = LIFETIME }: ToastRequest): number {
		const shown = this.shown.value;
		// Notes with an action stay next to each other.
		const stays = (toast: Toast) =>
			isError(toast) !== isError({ kind }) || (toast.actions.length > 0 && !isError(toast));
		const same = shown.find(
			(toast) =>
				!stays(toast) &&
				toast.text === text &&
				toast.kind === kind &&
				toast.actions.length === actions.length,
		);
		if (same !== undefined) {
			this.release(same.id);
			return same.id;
		}
		this.#lastId += 1;
		const id = this.#lastId;
		for (const toast of shown) if (!stays(toast)) this.hold(toast.id);
		const toast = { id, text, kind, actions, duration };
		this.shown.value = [...shown.filter(stays), toast];
		this.release(id);
		return id;
	}

	/** Shows an error. */
	error(text: string): void {
		this.show({ text, kind: "error" });
	}

	/** Shows a note without an action. */
	note(text: string): void {
		this.show({ text, kind: "note" });
	}

	/** Runs an action of a toast and dismisses it, so that only one runs, and once. */
	act(id: number, action: ToastAction): void {
		const isShown = this.shown.value.some((toast) => toast.id === id);
		this.dismiss(id);
		if (isShown) action.run();
	}

	dismiss(id: number): void {
		this.hold(id);
		this.shown.value = this.shown.value.filter((toast) => toast.id !== id);
	}

	/** Dismisses every refusal, because its reason is gone. */
	dismissRefusals(): void {
		for (const { id, kind } of this.shown.value) if (kind === "refusal") this.dismiss(id);
	}

	/** Keeps a toast while the pointer or the focus is on it. */
	hold(id: number): void {
		clearTimeout(this.#timers.get(id));
		this.#timers.delete(id);
	}

	/** Restarts the timer of a toast. */
	release(id: number): void {
		this.hold(id);
		const toast = this.shown.value.find((toast) => toast.id === id);
		if (toast === undefined || toast.duration === null) return;
		this.#timers.set(
			id,
			setTimeout(() => this.dismiss(id), toast.duration),
		);
	}
}

/** An error toast that is dismissed with its reason. */
export class TransientError {
	readonly #toasts: Toasts;
	readonly #duration: number | null;
	#id: number | null = null;

	/** `duration` is how long it stays while its reason lasts, in ms; null for as long as that. */
	constructor(toasts: Toasts, duration: number | null = LIFETIME) {
		this.#toasts = toasts;
		this.#duration = duration;
	}

	/** Shows the error; null dismisses it. */
	set(text: string | null): void {
		if (text !== null) {
			this.#id = this.#toasts.show({ text, kind: "error", duration: this.#duration });
		} else if (this.#id !== null) {
			this.#toasts.dismiss(this.#id);
			this.#id = null;
		}
	}
}

/** Returns whether a toast is an error or a refusal. */
export function isError({ kind }: Pick<Toast, "kind">): boolean {
	return kind !== "note";
}
