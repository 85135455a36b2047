/** Navigation from a reference to its note, and back to the reference that was used. */
import { element } from "./element";

const cameFrom = new WeakMap<Element, HTMLElement>();

/** Returns a button that focuses the note of that number in the same answer, if there is one. */
export function footnoteReference(number: number): HTMLElement {
	const attributes = { type: "button", "data-reference": String(number) };
	const name = { "aria-label": `Footnote ${number}` };
	const button = element("button", { ...attributes, ...name }, String(number));
	button.addEventListener("click", () => {
		const note = inMessage(button, `[data-note="${number}"]`);
		if (note === null) return;
		cameFrom.set(note, button);
		note.focus();
	});
	return element("sup", { class: "reference" }, button);
}

/** Returns the note without its text, which is inserted before the back button. */
export function footnote(number: number): HTMLElement {
	const back = element("button", { type: "button", class: "bare back" }, "↩\ufe0e");
	back.setAttribute("aria-label", `Back to reference ${number}`);
	const attributes = { "data-note": String(number), value: String(number), tabindex: "-1" };
	const note = element("li", attributes, back);
	back.addEventListener("click", () => {
		const from = cameFrom.get(note);
		const reference = inMessage(note, `[data-reference="${number}"]`);
		(from?.isConnected ? from : reference)?.focus();
	});
	return note;
}

/** Footnote numbers are scoped to one message. */
function inMessage(inside: Element, selector: string): HTMLElement | null {
	return inside.closest(".markdown")?.querySelector<HTMLElement>(selector) ?? null;
}
