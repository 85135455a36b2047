/** The models that can be chosen, as the core last listed them. */
import { batch, signal } from "@preact/signals-core";
import type { ModelInfo } from "../../ipc/bindings";
import { messageOf } from "../../ipc/errors";
import type { Commands } from "../../ipc/host";
import { modelById } from "./search";

type ModelCommands = Pick<Commands, "listModels">;

export class Models {
	readonly list = signal<readonly ModelInfo[]>([]);
	/** Number of reads in flight. */
	readonly reading = signal(0);
	/** Why they could not be listed. */
	readonly problem = signal<string | null>(null);
	readonly #commands: ModelCommands;

	constructor(commands: ModelCommands) {
		this.#commands = commands;
	}

	/** Returns a model by its id, also one that its provider does not list; without an id, the default. */
	find(id: string | null): ModelInfo | undefined {
		const list = this.list.value;
		return id === null ? list.find((model) => model.isDefault) : modelById(list, id);
	}

	/** Reads the list; with `refresh` the core queries the providers again. */
	async read(refresh = false): Promise<void> {
		this.reading.value += 1;
		try {
			const list = await this.#commands.listModels(refresh ? true : null);
			batch(() => {
				this.list.value = list;
				this.problem.value = null;
			});
		} catch (error) {
			this.problem.value = messageOf(error);
		} finally {
			this.reading.value -= 1;
		}
	}
}
