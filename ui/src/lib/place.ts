/** Where what floats over the page goes. */

/** How far it is from its button, in px. */
const GAP = 4;

/** Places a popover by its button, on the side that has more room. Its style says how wide it may be. */
export function placeBy(popover: HTMLElement, button: Element): void {
	const { top, bottom, left } = button.getBoundingClientRect();
	const isBelow = bottom < innerHeight / 2;
	popover.style.setProperty("--by", `${left}px`);
	popover.style.top = isBelow ? `${bottom + GAP}px` : "auto";
	popover.style.bottom = isBelow ? "auto" : `${innerHeight - top + GAP}px`;
}
