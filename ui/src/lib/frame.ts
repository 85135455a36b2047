/** Runs `act` after the next frame is painted, or soon if the page is hidden and has no frames. */
export function afterFrame(act: () => void): void {
	if (document.visibilityState === "hidden") setTimeout(act);
	else requestAnimationFrame(() => setTimeout(act));
}
