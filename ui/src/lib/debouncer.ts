/** Does something when the calls for it pause, for each key by itself. */

/** How long after the last call, in ms: longer than between two keys, shorter than a doubt. */
const DELAY = 700;

export class Debouncer<Key> {
	readonly #act: (key: Key) => void;
	readonly #timers = new Map<Key, ReturnType<typeof setTimeout>>();

	constructor(act: (key: Key) => void) {
		this.#act = act;
	}

	/** Acts after a pause, unless another call or a cancel comes before. */
	call(key: Key): void {
		this.cancel(key);
		const act = () => {
			this.#timers.delete(key);
			this.#act(key);
		};
		this.#timers.set(key, setTimeout(act, DELAY));
	}

	cancel(key: Key): void {
		clearTimeout(this.#timers.get(key));
		this.#timers.delete(key);
	}
}
