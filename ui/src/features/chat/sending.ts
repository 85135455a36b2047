/** The branches with a request for an answer in flight, from the press on: a second press finds them busy. */
import { signal } from "@preact/signals-core";
import type { BranchKey } from "../../ipc/branch";

export class Sending {
	readonly #keys = signal<ReadonlySet<BranchKey>>(new Set());

	has(key: BranchKey): boolean {
		return this.#keys.value.has(key);
	}

	start(key: BranchKey): void {
		this.#keys.value = new Set([...this.#keys.value, key]);
	}

	end(key: BranchKey): void {
		this.#keys.value = new Set([...this.#keys.value].filter((other) => other !== key));
	}
}
