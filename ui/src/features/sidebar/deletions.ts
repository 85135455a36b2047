/** Deletions in this window that can be undone: one toast for all of them, ten seconds for each. */
import { commands, isIpcError, messageOf } from "../../ipc/host";
import type { Toasts } from "../toasts/toasts";

/** How long the core can restore a conversation, in ms. */
const UNDO = 10_000;

export interface Deletion {
	readonly id: string;
	readonly title: string;
	/** This window showed it, and shows it again after Undo. */
	readonly isShown: boolean;
}

export class Deletions {
	/** Newest last. */
	#undoable: readonly Deletion[] = [];
	#toast: number | null = null;
	readonly #toasts: Toasts;
	readonly #show: (id: string) => void;

	constructor(toasts: Toasts, show: (id: string) => void) {
		this.#toasts = toasts;
		this.#show = show;
	}

	/** Deletes a conversation and offers Undo. Rejects if it cannot be deleted. */
	async remove(deletion: Deletion): Promise<void> {
		await commands.deleteConversation(deletion.id);
		this.#set([...this.#undoable, deletion]);
		setTimeout(() => {
			if (this.#undoable.includes(deletion)) this.#set(without(this.#undoable, deletion));
		}, UNDO);
	}

	#set(undoable: readonly Deletion[]): void {
		this.#undoable = undoable;
		if (this.#toast !== null) this.#toasts.dismiss(this.#toast);
		this.#toast = null;
		const newest = undoable.at(-1);
		if (newest === undefined) return;
		const text =
			undoable.length === 1
				? `Deleted “${newest.title}”`
				: `Deleted ${undoable.length} conversations`;
		const action = { label: "Undo", run: () => void this.undo() };
		this.#toast = this.#toasts.show({ text, kind: "note", action, duration: UNDO });
	}

	/** Restores what can be restored. Does nothing if nothing was deleted. */
	async undo(): Promise<void> {
		const undone = this.#undoable;
		this.#set([]);
		for (const { id, title, isShown } of undone) {
			try {
				await commands.restoreConversation(id);
				if (isShown) this.#show(id);
			} catch (error) {
				const isGone = isIpcError(error) && error.code === "not_found";
				this.#toasts.error(
					isGone ? `“${title}” was permanently deleted: it is too late to undo` : messageOf(error),
				);
			}
		}
	}
}

function without<T>(all: readonly T[], one: T): readonly T[] {
	return all.filter((other) => other !== one);
}
