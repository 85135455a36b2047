/** Remembers what was used last, by texts whose lengths together stay under a limit. */
export class Lru<Value> {
	readonly #limit: number;
	readonly #entries = new Map<string, Value>();
	#length = 0;

	/** The limit is in characters of all keys. */
	constructor(limit: number) {
		this.#limit = limit;
	}

	get(key: string): Value | undefined {
		const value = this.#entries.get(key);
		if (value !== undefined) {
			// A map is in the order of its insertions: the first entry is the one not used for longest.
			this.#entries.delete(key);
			this.#entries.set(key, value);
		}
		return value;
	}

	/** A key that is longer than the limit is not remembered. */
	set(key: string, value: Value): void {
		this.delete(key);
		this.#entries.set(key, value);
		this.#length += key.length;
		for (const oldest of this.#entries.keys()) {
			if (this.#length <= this.#limit) return;
			this.delete(oldest);
		}
	}

	delete(key: string): void {
		if (this.#entries.delete(key)) this.#length -= key.length;
	}
}
