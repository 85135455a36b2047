/** Lets the page do what waits, a click or a frame, before more work is done. */
export function yieldToBrowser(): Promise<void> {
	return new Promise((resolve) => setTimeout(resolve));
}
