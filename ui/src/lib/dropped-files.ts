/** Files that come by drop, told apart from the text that comes the same way. */

/** Shows where files may be dropped, and takes them, anywhere in `place`. */
export function takeDrops(place: HTMLElement, take: (files: readonly File[]) => void): void {
	const isOver = (over: boolean) => place.toggleAttribute("data-drop", over);
	const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
	document.addEventListener("dragover", (event) => {
		if (!hasFiles(event) || event.dataTransfer === null) return;
		// Without this the window would open what is dropped on it.
		event.preventDefault();
		const inside = place.contains(event.target as Node);
		event.dataTransfer.dropEffect = inside ? "copy" : "none";
		isOver(inside);
	});
	document.addEventListener("dragleave", (event) => {
		// Left for another element of the page, which says by itself whether it is one of `place`.
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
