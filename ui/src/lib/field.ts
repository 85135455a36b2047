/** What is done to a field that the platform does not do by itself. */

/** The field grows with its text, up to the height that its style allows. */
export function grow(field: HTMLTextAreaElement): void {
	field.style.height = "";
	// One line by itself: to ask how high it is would have the page laid out in the middle of its drawing.
	if (field.value === "") return;
	field.style.height = `${field.scrollHeight}px`;
}

/** Puts text in as if it were typed: at the caret, and Ctrl+Z takes it out again. */
export function insertText(field: HTMLTextAreaElement, text: string): void {
	field.focus();
	if (document.execCommand("insertText", false, text)) return;
	field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
	field.dispatchEvent(new InputEvent("input", { bubbles: true, inputType: "insertText" }));
}
