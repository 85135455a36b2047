/** Text field behaviour that the platform does not provide. */

/** Grows a field with its text, up to the height that its style allows. */
export function grow(field: HTMLTextAreaElement): void {
	field.style.height = "";
	// An empty field is one line high; reading `scrollHeight` would force a layout in the middle of rendering.
	if (field.value === "") return;
	field.style.height = `${field.scrollHeight}px`;
}

/** Inserts text at the caret as if it were typed, so that Ctrl+Z undoes it. */
export function insertText(field: HTMLTextAreaElement, text: string): void {
	field.focus();
	if (document.execCommand("insertText", false, text)) return;
	field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
	field.dispatchEvent(new InputEvent("input", { bubbles: true, inputType: "insertText" }));
}
