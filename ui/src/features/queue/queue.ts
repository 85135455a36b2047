/**
 * The queue of one branch: messages that the core sends one after the other, each when the answer before it has
 * ended. The core decides when; here is what it holds, and the user's changes of it.
 */
import { batch, computed, signal } from "@preact/signals-core";
import type { Queue, QueuedMessage } from "../../ipc/bindings";
import type { Commands } from "../../ipc/host";

export type QueueCommands = Pick<
	Commands,
	| "clearQueue"
	| "editQueuedMessage"
	| "holdQueuedMessage"
	| "listQueue"
	| "moveQueuedMessage"
	| "pauseQueue"
	| "removeQueuedMessage"
	| "restoreQueuedMessage"
	| "resumeQueue"
	| "sendQueuedMessageNow"
>;

/** A queued message that is being edited: the core holds it back meanwhile. */
export interface QueueEdit {
	readonly id: string;
	readonly text: string;
}

/** Interval at which an open editor holds its message back again, in ms: the core does so for a minute. */
const HOLD = 20_000;

/** Where the queue is. */
export interface QueuePlace {
	readonly conversationId: string;
	/** Null for `main`. */
	readonly branchId: string | null;
}

export interface QueueDeps {
	readonly commands: QueueCommands;
	/** Runs an action and shows its error. Returns the error, or null. */
	attempt(action: () => Promise<void>): Promise<unknown>;
	/** Offers to undo a removal. */
	offerUndo(text: string, undo: () => void): void;
}

const EMPTY: Queue = { paused: false, pauseReason: null, pauseMessage: null, items: [] };

export class BranchQueue {
	/** As it was last read. */
	readonly state = signal<Queue>(EMPTY);
	readonly edit = signal<QueueEdit | null>(null);
	readonly count = computed(() => this.state.value.items.length);
	readonly #place: QueuePlace;
	readonly #deps: QueueDeps;
	/** Identifies the newest read, so that an older one that ends later changes nothing. */
	#reading = 0;
	#holding: ReturnType<typeof setInterval> | undefined;

	constructor(place: QueuePlace, deps: QueueDeps) {
		this.#place = place;
		this.#deps = deps;
	}

	/** Reads the queue. */
	async read(): Promise<void> {
		const { conversationId, branchId } = this.#place;
		this.#reading += 1;
		const reading = this.#reading;
		const queue = await this.#deps.commands.listQueue(conversationId, branchId);
		if (reading === this.#reading) this.apply(queue);
	}

	/** Shows the queue as it was read; an edit of what is gone ends. */
	apply(queue: Queue): void {
		batch(() => {
			this.state.value = queue;
			const edit = this.edit.value;
			if (edit !== null && !queue.items.some(({ id }) => id === edit.id)) this.#closeEditor();
		});
	}

	/** Drops what was read; the core sends what it held back for an editor here. */
	close(): void {
		this.#reading += 1;
		const { edit } = this;
		if (edit.value !== null) void this.cancelEdit();
		this.state.value = EMPTY;
	}

	/** Opens the editor of a message, which the core holds back until it is closed. */
	async openEditor({ id, content }: QueuedMessage): Promise<void> {
		if (this.edit.value !== null) await this.cancelEdit();
		const { commands, attempt } = this.#deps;
		const hold = () => commands.holdQueuedMessage(id, true);
		await attempt(async () => {
			await hold();
			this.edit.value = { id, text: content };
			this.#holding = setInterval(() => void hold().catch(() => {}), HOLD);
		});
	}

	type(text: string): void {
		if (this.edit.value !== null) this.edit.value = { ...this.edit.value, text };
	}

	/** Saves the edited text. The editor keeps it unless the core has. */
	async saveEdit(): Promise<void> {
		const edit = this.edit.value;
		if (edit === null || edit.text.trim() === "") return;
		await this.#change(async () => {
			await this.#deps.commands.editQueuedMessage(edit.id, edit.text, null);
			if (this.edit.value?.id === edit.id) this.#closeEditor();
		});
	}

	async cancelEdit(): Promise<void> {
		const id = this.edit.value?.id;
		this.#closeEditor();
		// Gone already, or released by itself after a minute.
		if (id !== undefined) await this.#deps.commands.holdQueuedMessage(id, false).catch(() => {});
	}

	/** Moves a message to a position, from 1. */
	move(id: string, position: number): Promise<void> {
		return this.#change(() => this.#deps.commands.moveQueuedMessage(id, position));
	}

	/** Removes a message, and offers to undo it. */
	remove({ id }: QueuedMessage): Promise<void> {
		return this.#change(async () => {
			await this.#deps.commands.removeQueuedMessage(id);
			this.#deps.offerUndo("Removed from the queue", () => void this.#restore([id]));
		});
	}

	/** Removes all messages, and offers to undo it. */
	clear(): Promise<void> {
		const ids = this.state.value.items.map(({ id }) => id);
		return this.#change(async () => {
			const { conversationId, branchId } = this.#place;
			await this.#deps.commands.clearQueue(conversationId, branchId);
			this.#deps.offerUndo("Queue cleared", () => void this.#restore(ids));
		});
	}

	/** Notices that an edit of an earlier message has cleared the queue, and offers to undo that. */
	wasCleared(): void {
		const ids = this.state.value.items.map(({ id }) => id);
		this.#deps.offerUndo(
			"Queue cleared, because an earlier message was edited",
			() => void this.#restore(ids),
		);
	}

	/** Sends a message now; a running answer of the branch is stopped. */
	sendNow(id: string): Promise<void> {
		return this.#change(() => this.#deps.commands.sendQueuedMessageNow(id));
	}

	pause(): Promise<void> {
		const { conversationId, branchId } = this.#place;
		return this.#change(() => this.#deps.commands.pauseQueue(conversationId, branchId));
	}

	resume(): Promise<void> {
		const { conversationId, branchId } = this.#place;
		return this.#change(() => this.#deps.commands.resumeQueue(conversationId, branchId));
	}

	#restore(ids: readonly string[]): Promise<void> {
		return this.#change(async () => {
			for (const id of ids) await this.#deps.commands.restoreQueuedMessage(id);
		});
	}

	/** Changes the queue, and reads it, also after a failure: what is shown may be out of date. */
	async #change(change: () => Promise<unknown>): Promise<void> {
		await this.#deps.attempt(async () => {
			await change();
		});
		await this.#deps.attempt(() => this.read());
	}

	#closeEditor(): void {
		clearInterval(this.#holding);
		this.edit.value = null;
	}
}
