/** An LRU cache whose keys have a limited total length. */
export class Lru<Value> {
	readonly #limit: number;
	readonly #entries = new Map<string, Value>();
	#length = 0;

	/** The limit is the total length of all keys, in characters. */
	constructor(limit: number) {
		this.#limit = limit;
	}

	get(key: string): Value | undefined {
		const value = this.#entries.get(key);
		if (value !== undefined) {
			// A map keeps insertion order, so the first entry is the least recently used one.
			this.#entries.delete(key);
			this.#entries.set(key, value);
		}
		return value;
	}

	/** A key longer than the limit is not cached. */
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
