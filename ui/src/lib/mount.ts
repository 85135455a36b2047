/** Renders a part of the page whenever something that it reads changes. */
import { effect, untracked } from "@preact/signals-core";
import { render, type TemplateResult } from "lit-html";

/**
 * `after` runs when the DOM is up to date. What has the focus keeps it also where it is moved; where it
 * is taken away, `lost` has to say who takes the focus.
 */
export function mount(
	root: HTMLElement,
	view: () => TemplateResult,
	after?: () => void,
	lost?: () => void,
): void {
	effect(() => {
		const template = view();
		const active = document.activeElement;
		const held = active instanceof HTMLElement && root.contains(active) ? active : null;
		render(template, root);
		if (held?.isConnected && document.activeElement !== held) held.focus({ preventScroll: true });
		after?.();
		if (held !== null && !held.isConnected && hasNoFocus()) untracked(() => lost?.());
	});
}

/** Nothing has the focus: what is typed would reach nobody. */
export function hasNoFocus(): boolean {
	const active = document.activeElement;
	return active === null || active === document.body;
}

/** The element with this id, which the page is known to have. */
export function byId<T extends HTMLElement>(id: string): T {
	const element = document.getElementById(id);
	if (element === null) throw new Error(`the page has no #${id}`);
	return element as T;
}
