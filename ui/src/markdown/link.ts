/**
 * Links. They have no address of their own, so that nothing the user does to them can lead the window
 * away from the page: they only tell where they would go.
 */

import type { Inline } from "../ipc/bindings";
import { withVisibleControls } from "./controls";
import { element } from "./element";
import { isSelectedIn } from "./selection";
import type { MarkdownServices } from "./services";

type Link = Extract<Inline, { type: "link" }>;

/** The link without its text. */
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
		// The end of a selection of the link's own text is not a click on it.
		const hasSelected = document.getSelection()?.isCollapsed === false && isSelectedIn(made);
		if (!hasSelected) open(event);
	});
	// Any other button: the middle one opens, too.
	made.addEventListener("auxclick", (event) => {
		if (event.button === 1) open(event);
	});
	made.addEventListener("keydown", (event) => {
		if (event.key === "Enter") open(event);
	});
	return made;
}
