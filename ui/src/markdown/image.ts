/** Images. None is fetched until the user asks for it: a request would tell its host who reads. */

import type { Inline } from "../ipc/bindings";
import { withVisibleControls } from "./controls";
import { element } from "./element";
import type { MarkdownServices } from "./services";

/** Addresses of what is here already. */
const FETCHED = /^(blob:|data:image\/)/;

type Image = Extract<Inline, { type: "image" }>;

/** A button that says where the image would come from, until it has been asked for; then the image. */
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
	// An image may stand in a link, which would take these for its own.
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
