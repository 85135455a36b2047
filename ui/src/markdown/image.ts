/** Images. None is fetched until the user requests it: a request would reveal the reader to the host. */

import type { Inline } from "../ipc/bindings";
import { withVisibleControls } from "./controls";
import { element } from "./element";
import type { MarkdownServices } from "./services";

/** URLs of data that is already local. */
const FETCHED = /^(blob:|data:image\/)/;

type Image = Extract<Inline, { type: "image" }>;

/** Returns a button that names the image's host; once it is pressed, the image replaces it. */
export function image(image: Image, services: MarkdownServices): HTMLElement {
	const { destination, host, alt, title } = image;
	if (host === null) return element("span", { class: "image" }, alt);
	const words = (state: string) => `Image from ${host} — ${state}`;
	const state = element("span", {}, words("load"));
	const hint = withVisibleControls([title, destination].filter(Boolean).join("\n"));
	const chip = element("button", { type: "button", title: hint });
	if (alt !== "") chip.append(element("span", { class: "alt" }, alt), " ");
	chip.append(state);
	const place = element("span", { class: "image", tabindex: "-1" }, chip);
	const load = async () => {
		if (chip.hasAttribute("aria-disabled")) return;
		chip.setAttribute("aria-disabled", "true");
		state.textContent = words("loading…");
		try {
			const loaded = await fetched(image, services);
			const hadFocus = document.activeElement === chip;
			chip.replaceWith(loaded);
			if (hadFocus) place.focus({ preventScroll: true });
		} catch {
			state.textContent = words("could not be loaded, try again");
			chip.removeAttribute("aria-disabled");
		}
	};
	chip.addEventListener("click", (event) => {
		event.stopPropagation();
		void load();
	});
	// An image may be inside a link, which would handle these events as its own.
	for (const type of ["auxclick", "keydown"]) {
		chip.addEventListener(type, (event) => event.stopPropagation());
	}
	return place;
}

async function fetched(image: Image, services: MarkdownServices): Promise<HTMLImageElement> {
	const url = await services.loadImage(image.destination);
	if (!FETCHED.test(url)) throw new Error("the image would be fetched from elsewhere");
	const made = element("img", { alt: image.alt });
	try {
		await new Promise((resolve, reject) => {
			made.addEventListener("load", resolve);
			made.addEventListener("error", reject);
			made.setAttribute("src", url);
		});
	} finally {
		URL.revokeObjectURL(url);
	}
	if (image.title !== "") made.title = image.title;
	return made;
}
