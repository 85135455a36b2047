/** Modal dialogs. */

/** Opens a dialog as soon as it is in the document. */
export function openDialog(element: Element | undefined): void {
	if (!(element instanceof HTMLDialogElement) || element.open) return;
	// An element is not in the document yet when its `ref` is called.
	queueMicrotask(() => {
		element.showModal();
		element.querySelector<HTMLInputElement>('input[name="title"]')?.select();
	});
}
