/**
 * Defers work until a press ends. Pressing a button blurs a field, and a validation error shown before the
 * release would push the button away: the click would be lost.
 */

let isDown = false;

addEventListener("pointerdown", () => setDown(true), true);
addEventListener("pointerup", () => setDown(false), true);
addEventListener("pointercancel", () => setDown(false), true);

function setDown(down: boolean): void {
	isDown = down;
}

/** Runs `act` immediately or, if the pointer is down, after its click. */
export function afterPress(act: () => void): void {
	if (!isDown) {
		act();
		return;
	}
	const end = new AbortController();
	const later = () => {
		end.abort();
		setTimeout(act);
	};
	const options = { capture: true, signal: end.signal };
	addEventListener("pointerup", later, options);
	addEventListener("pointercancel", later, options);
}
