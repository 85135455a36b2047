/** Does something when the next frame is on the screen, or soon where a hidden page has no frames. */
export function afterFrame(act: () => void): void {
	if (document.visibilityState === "hidden") setTimeout(act);
	else requestAnimationFrame(() => setTimeout(act));
}
