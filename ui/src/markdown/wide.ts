/** Content that may be wider than its column: it scrolls, and so must be reachable by keyboard. */
import { element } from "./element";
import type { MarkdownServices } from "./services";

/** Returns a box with the content; `name` is its accessible name. */
export function wide(
	tag: "div" | "span",
	className: string,
	name: string,
	content: Element,
	{ overflow }: MarkdownServices,
): HTMLElement {
	const attributes = { class: className, tabindex: "0", role: "group", "aria-label": name };
	const made = element(tag, attributes, content);
	overflow.watch(made);
	return made;
}
