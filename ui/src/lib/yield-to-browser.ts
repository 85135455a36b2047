/** Yields to pending browser work, such as a click or a frame. */
export function yieldToBrowser(): Promise<void> {
	return new Promise((resolve) => setTimeout(resolve));
}
