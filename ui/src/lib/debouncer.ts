/** Runs an action when the calls for it pause, separately for each key. */

/** Delay after the last call, in ms: longer than between two keystrokes, too short to make the user wonder. */
const DELAY = 700;

export class Debouncer<Key> {
	readonly #act: (key: Key) => void;
	readonly #timers = new Map<Key, ReturnType<typeof setTimeout>>();

	constructor(act: (key: Key) => void) {
		this.#act = act;
	}

	/** Runs the action after the delay, unless another call or `cancel` comes first. */
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
