/** Deletions in this window that can be undone: one toast for all of them, ten seconds for each. */
import { hasCode, messageOf } from "../../ipc/errors";
import type { Commands } from "../../ipc/host";

/** How long the core can restore a conversation, in ms. */
const UNDO = 10_000;

type DeletionCommands = Pick<Commands, "deleteConversation" | "restoreConversation">;

/** Where deletions are shown. */
export interface DeletionToasts {
	show(note: {
		readonly text: string;
		readonly kind: "note";
		readonly actions: readonly { readonly label: string; run(): void }[];
		readonly duration: number;
	}): number;
	dismiss(id: number): void;
	error(text: string): void;
}

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
	readonly #commands: DeletionCommands;
	readonly #toasts: DeletionToasts;
	readonly #show: (id: string) => void;

	constructor(commands: DeletionCommands, toasts: DeletionToasts, show: (id: string) => void) {
		this.#commands = commands;
		this.#toasts = toasts;
		this.#show = show;
	}

	/** Deletes a conversation and offers Undo. Rejects if it cannot be deleted. */
	async remove(deletion: Deletion): Promise<void> {
		await this.#commands.deleteConversation(deletion.id);
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
		const actions = [{ label: "Undo", run: () => void this.undo() }];
		this.#toast = this.#toasts.show({ text, kind: "note", actions, duration: UNDO });
	}

	/** Restores what can be restored. Does nothing if nothing was deleted. */
	async undo(): Promise<void> {
		const undone = this.#undoable;
		this.#set([]);
		for (const { id, title, isShown } of undone) {
			try {
				await this.#commands.restoreConversation(id);
				if (isShown) this.#show(id);
			} catch (error) {
				const isGone = hasCode(error, "not_found");
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
