/** The shape of the shown conversation's tree: read while something shows it, and again after each change. */
import { batch, effect, type ReadonlySignal, signal, untracked } from "@preact/signals-core";
import type { Tree, TreeBranch } from "../../ipc/bindings";
import { NEW } from "../../ipc/branch";
import { messageOf } from "../../ipc/errors";
import type { Commands } from "../../ipc/host";

type TreeCommands = Pick<Commands, "getTree">;

export class ConversationTree {
	/** As it was last read; null until then, and of a conversation that does not exist yet. */
	readonly tree = signal<Tree | null>(null);
	/** Why it could not be read. */
	readonly problem = signal<string | null>(null);
	readonly #commands: TreeCommands;
	readonly #shownId: ReadonlySignal<string>;
	readonly #isNeeded: ReadonlySignal<boolean>;
	#isReading = false;
	#again = false;

	constructor(
		commands: TreeCommands,
		shownId: ReadonlySignal<string>,
		isNeeded: ReadonlySignal<boolean>,
	) {
		this.#commands = commands;
		this.#shownId = shownId;
		this.#isNeeded = isNeeded;
		effect(() => {
			const id = shownId.value;
			const needed = isNeeded.value;
			untracked(() => {
				if (this.tree.value?.conversationId !== id) this.#drop();
				if (needed) void this.read();
			});
		});
	}

	/** Returns the state of each branch, by its id. */
	states(): ReadonlyMap<string, TreeBranch> {
		return new Map((this.tree.value?.branches ?? []).map((branch) => [branch.id, branch]));
	}

	/** Notices a change of a conversation: of its messages, its branches, their locks or their queues. */
	changed(conversationId: string): void {
		if (this.#isNeeded.value && conversationId === this.#shownId.value) void this.read();
	}

	/** Reads it. A call while it is being read causes one more read. */
	async read(): Promise<void> {
		this.#again = true;
		if (this.#isReading) return;
		this.#isReading = true;
		while (this.#again) {
			this.#again = false;
			await this.#readOnce();
		}
		this.#isReading = false;
	}

	async #readOnce(): Promise<void> {
		const id = this.#shownId.value;
		if (id === NEW) return;
		try {
			const tree = await this.#commands.getTree(id);
			if (id !== this.#shownId.value) return;
			batch(() => {
				this.tree.value = tree;
				this.problem.value = null;
			});
		} catch (error) {
			if (id === this.#shownId.value) this.problem.value = messageOf(error);
		}
	}

	#drop(): void {
		batch(() => {
			this.tree.value = null;
			this.problem.value = null;
		});
	}
}
