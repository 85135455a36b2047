/**
 * Waits for the end of a press. The press of a button takes the focus from a field, and what the field
 * then says about itself would push the button away before it is released: the click would be lost.
 */

let isDown = false;

addEventListener("pointerdown", () => setDown(true), true);
addEventListener("pointerup", () => setDown(false), true);
addEventListener("pointercancel", () => setDown(false), true);

function setDown(down: boolean): void {
	isDown = down;
}

/** Acts at once, but while something is being pressed, after its click. */
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
