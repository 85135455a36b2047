/** Drag and drop of files, as opposed to text. */

/** Highlights `place` while files are dragged over it, and passes files dropped in it to `take`. */
export function takeDrops(place: HTMLElement, take: (files: readonly File[]) => void): void {
	const isOver = (over: boolean) => place.toggleAttribute("data-drop", over);
	const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
	document.addEventListener("dragover", (event) => {
		if (!hasFiles(event) || event.dataTransfer === null) return;
		// Without this, the webview would open what is dropped on it.
		event.preventDefault();
		const inside = place.contains(event.target as Node);
		event.dataTransfer.dropEffect = inside ? "copy" : "none";
		isOver(inside);
	});
	document.addEventListener("dragleave", (event) => {
		// With a `relatedTarget`, the pointer only moved to another element, whose `dragover` sets the state.
		if (event.relatedTarget === null) isOver(false);
	});
	document.addEventListener("drop", (event) => {
		isOver(false);
		if (!hasFiles(event)) return;
		event.preventDefault();
		const files = [...(event.dataTransfer?.files ?? [])];
		if (files.length > 0 && place.contains(event.target as Node)) take(files);
	});
}
