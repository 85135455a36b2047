/** Text field behaviour that the platform does not provide. */

/**
 * Grows a field with its text, up to the height that its style allows. What surrounds it keeps its place while it is
 * measured: a region that got larger for a moment would be scrolled away from its end.
 */
export function grow(field: HTMLTextAreaElement): void {
	// An empty field is one line high; reading `scrollHeight` would force a layout in the middle of rendering.
	if (field.value === "") {
		field.style.height = "";
		return;
	}
	const box = field.parentElement;
	if (box !== null) box.style.minHeight = `${box.getBoundingClientRect().height}px`;
	field.style.height = "";
	field.style.height = `${field.scrollHeight}px`;
	if (box !== null) box.style.minHeight = "";
}

/** Inserts text at the caret as if it were typed, so that Ctrl+Z undoes it. */
export function insertText(field: HTMLTextAreaElement, text: string): void {
	field.focus();
	if (document.execCommand("insertText", false, text)) return;
	field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
	field.dispatchEvent(new InputEvent("input", { bubbles: true, inputType: "insertText" }));
}
