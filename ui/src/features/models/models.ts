/** The models that can be chosen, as the core last listed them. */
import { batch, signal } from "@preact/signals-core";
import { commands, type ModelInfo, messageOf } from "../../ipc/host";

export class Models {
	readonly list = signal<readonly ModelInfo[]>([]);
	/** Number of reads in flight. */
	readonly reading = signal(0);
	/** Why they could not be listed. */
	readonly problem = signal<string | null>(null);

	/** Reads the list; with `refresh` the core queries the providers again. */
	async read(refresh = false): Promise<void> {
		this.reading.value += 1;
		try {
			const list = await commands.listModels(refresh ? true : null);
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
