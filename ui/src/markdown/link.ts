/**
 * Links. They have no `href`, so that no interaction can navigate the window away from the page: they only
 * pass their destination to the page.
 */

import type { Inline } from "../ipc/bindings";
import { withVisibleControls } from "./controls";
import { element } from "./element";
import { isSelectedIn } from "./selection";
import type { MarkdownServices } from "./services";

type Link = Extract<Inline, { type: "link" }>;

/** Returns the link without its text. */
export function link({ destination, title, host }: Link, services: MarkdownServices): HTMLElement {
	if (host === null) {
		const words = `Not opened: ${withVisibleControls(destination)}`;
		return element("span", { class: "link refused", title: words });
	}
	const hint = withVisibleControls([title, host, destination].filter(Boolean).join("\n"));
	const attributes = { class: "link", role: "link", tabindex: "0", title: hint, "data-host": host };
	const made = element("a", attributes);
	const open = (event: Event) => {
		event.preventDefault();
		services.openLink(destination);
	};
	made.addEventListener("click", (event) => {
		// Ending a selection of the link's text is not a click on the link.
		const hasSelected = document.getSelection()?.isCollapsed === false && isSelectedIn(made);
		if (!hasSelected) open(event);
	});
	// Other mouse buttons: the middle one opens the link, too.
	made.addEventListener("auxclick", (event) => {
		if (event.button === 1) open(event);
	});
	made.addEventListener("keydown", (event) => {
		if (event.key === "Enter") open(event);
	});
	return made;
}
