/**
 * The notes that are shown over the page for a while: at most one error, and at most one note but for
 * those that offer a deed, because it goes with them.
 */
import { signal } from "@preact/signals-core";

/** How long a note stays, in ms, unless it is looked at. */
const LIFETIME = 8000;

/** `refusal` is an error of the moment, which goes with its reason: {@link Toasts.reasonGone}. */
export type ToastKind = "note" | "error" | "refusal";

/** The one thing that a note offers to do. */
export interface ToastAction {
	/** A verb, such as `Undo`. */
	readonly label: string;
	run(): void;
}

/** What to show. */
export interface ToastRequest {
	readonly text: string;
	readonly kind: ToastKind;
	readonly action?: ToastAction;
	/** How long it stays, in ms; null for as long as nobody takes it away. */
	readonly duration?: number | null;
}

export interface Toast {
	readonly id: number;
	readonly text: string;
	readonly kind: ToastKind;
	readonly action: ToastAction | null;
	/** In ms; null for no end. */
	readonly duration: number | null;
}

export class Toasts {
	/** Oldest first. */
	readonly shown = signal<readonly Toast[]>([]);
	readonly #timers = new Map<number, ReturnType<typeof setTimeout>>();
	#lastId = 0;

	/** Shows a note, and returns its id. The same one again only gets its time anew. */
	show({ text, kind, action, duration = LIFETIME }: ToastRequest): number {
		const shown = this.shown.value;
		// Two notes that offer a deed offer two.
		const stays = (toast: Toast) =>
			isError(toast) !== isError({ kind }) || (toast.action !== null && !isError(toast));
		const same = shown.find(
			(toast) =>
				!stays(toast) && toast.text === text && toast.kind === kind && !action === !toast.action,
		);
		if (same !== undefined) {
			this.release(same.id);
			return same.id;
		}
		this.#lastId += 1;
		const id = this.#lastId;
		for (const toast of shown) if (!stays(toast)) this.hold(toast.id);
		const toast = { id, text, kind, action: action ?? null, duration };
		this.shown.value = [...shown.filter(stays), toast];
		this.release(id);
		return id;
	}

	/** Shows an error. */
	error(text: string): void {
		this.show({ text, kind: "error" });
	}

	/** Shows a note that needs no action. */
	note(text: string): void {
		this.show({ text, kind: "note" });
	}

	/** Does what a note offers, once. */
	act(id: number): void {
		const toast = this.shown.value.find((toast) => toast.id === id);
		this.dismiss(id);
		toast?.action?.run();
	}

	dismiss(id: number): void {
		this.hold(id);
		this.shown.value = this.shown.value.filter((toast) => toast.id !== id);
	}

	/** The reason of every refusal is gone, and they go with it. */
	dismissRefusals(): void {
		for (const { id, kind } of this.shown.value) if (kind === "refusal") this.dismiss(id);
	}

	/** Keeps a note while the pointer or the focus is on it. */
	hold(id: number): void {
		clearTimeout(this.#timers.get(id));
		this.#timers.delete(id);
	}

	/** Lets a note go after its time. */
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

/** An error that goes with its reason. */
export class TransientError {
	readonly #toasts: Toasts;
	readonly #duration: number | null;
	#id: number | null = null;

	/** `duration` is how long it stays where its reason does, in ms; null for as long. */
	constructor(toasts: Toasts, duration: number | null = LIFETIME) {
		this.#toasts = toasts;
		this.#duration = duration;
	}

	/** Shows it, or takes it away where there is no reason. */
	set(text: string | null): void {
		if (text !== null) {
			this.#id = this.#toasts.show({ text, kind: "error", duration: this.#duration });
		} else if (this.#id !== null) {
			this.#toasts.dismiss(this.#id);
			this.#id = null;
		}
	}
}

/** Whether something was not done. */
export function isError({ kind }: Pick<Toast, "kind">): boolean {
	return kind !== "note";
}
