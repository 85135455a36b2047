/** When work runs: after a frame, after pending browser work, or when the calls for it pause. */
import { effect, type Signal } from "@preact/signals-core";

/** Runs `act` after the next frame is painted, or soon if the page is hidden and has no frames. */
export function afterFrame(act: () => void): void {
	if (document.visibilityState === "hidden") setTimeout(act);
	else requestAnimationFrame(() => setTimeout(act));
}

/** Yields to pending browser work, such as a click or a frame. */
export function yieldToBrowser(): Promise<void> {
	return new Promise((resolve) => setTimeout(resolve));
}

/** Interval of {@link tickWhile}, in ms. */
const TICK = 500;

/** Keeps `now` at the current time, in epoch ms, while a condition over signals holds. */
export function tickWhile(now: Signal<number>, isNeeded: () => boolean): void {
	effect(() => {
		if (!isNeeded()) return;
		now.value = Date.now();
		const tick = setInterval(() => {
			now.value = Date.now();
		}, TICK);
		return () => clearInterval(tick);
	});
}

/** Delay after the last call, in ms: longer than between two keystrokes, too short to make the user wonder. */
const DELAY = 700;

/** Runs an action when the calls for it pause, separately for each key. */
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
