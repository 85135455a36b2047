/** Opens the model picker under its button, and keeps it within the window. */
import { html, nothing } from "lit-html";
import { mountView } from "../../shared/dom";
import { isComposing } from "../../shared/keyboard";
import type { Models } from "./models";
import { isAvailable, type ModelPicker } from "./picker";
import { modelMenu } from "./view";

/** Distances in px. */
const WIDTH = 416;
const MARGIN = 8;
const GAP = 4;
/** With less room than this below the button, the list opens above it. */
const ROOM = 280;

/** Renders the list whenever a button opens it. `addProvider` leads to where one is added. */
export function mountModelMenu(
	menu: HTMLElement,
	picker: ModelPicker,
	models: Models,
	addProvider: () => void,
): void {
	menu.addEventListener("beforetoggle", (event) => {
		if (event.newState === "closed") picker.close();
		else if (picker.request.value !== null) {
			place(menu, picker.request.value.anchor);
			void models.read();
		}
	});
	// Tab may move the focus out of it, which does not close a popover; the picker's button closes it itself.
	menu.addEventListener("focusout", ({ relatedTarget: to }) => {
		if (to instanceof Node && !menu.contains(to) && to !== picker.request.value?.anchor) {
			menu.hidePopover();
		}
	});
	// Not left to the platform: the focused element is gone before the focus is restored.
	menu.addEventListener("keydown", (event) => {
		if (event.key !== "Escape" || isComposing(event)) return;
		event.preventDefault();
		close();
	});
	window.addEventListener("resize", () => menu.hidePopover());

	const close = () => {
		const anchor = picker.request.value?.anchor;
		menu.hidePopover();
		anchor?.focus();
	};
	const actions = {
		search: (text: string) => picker.search(text),
		move: (step: number) => picker.move(step),
		choose: (option: Parameters<typeof isAvailable>[0]) => {
			if (!isAvailable(option)) return;
			picker.request.value?.choose(option?.id ?? null);
			close();
		},
		close,
		refresh: () => {
			if (models.reading.value === 0) void models.read(true);
		},
		addProvider: () => {
			close();
			addProvider();
		},
	};
	/** What was scrolled to: a list that is only reread keeps its scroll position. */
	let seen = "";
	mountView(
		menu,
		() => {
			const request = picker.request.value;
			if (request === null) return html`${nothing}`;
			return modelMenu(
				{
					query: picker.query.value,
					groups: picker.groups.value,
					options: picker.options.value,
					active: picker.active.value,
					chosen: request.chosen,
					none: request.none,
					reading: models.reading.value > 0,
					problem: models.problem.value,
				},
				actions,
			);
		},
		() => {
			const at = `${picker.query.value} ${picker.active.value}`;
			if (picker.request.value === null) seen = "";
			else if (at !== seen) {
				seen = at;
				scrollToActive(menu);
			}
		},
	);
	menu.addEventListener("toggle", () => scrollToActive(menu));
}

function scrollToActive(menu: HTMLElement): void {
	menu.querySelector("[data-active]")?.scrollIntoView({ block: "nearest" });
}

function place(menu: HTMLElement, anchor: HTMLElement): void {
	const { top, bottom, right } = anchor.getBoundingClientRect();
	const width = Math.min(WIDTH, innerWidth - 2 * MARGIN);
	const below = innerHeight - bottom - GAP - MARGIN;
	const above = top - GAP - MARGIN;
	const isBelow = below >= ROOM || below >= above;
	const left = Math.max(MARGIN, Math.min(right - width, innerWidth - width - MARGIN));
	Object.assign(menu.style, {
		width: `${width}px`,
		left: `${left}px`,
		top: isBelow ? `${bottom + GAP}px` : "auto",
		bottom: isBelow ? "auto" : `${innerHeight - top + GAP}px`,
		maxHeight: `${isBelow ? below : above}px`,
	});
}
