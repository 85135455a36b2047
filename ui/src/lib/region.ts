/** Renders a part of the page whenever something that it reads changes. */
import { effect } from "@preact/signals-core";
import { render, type TemplateResult } from "lit-html";

/** `after` runs when the DOM is up to date. */
export function region(root: HTMLElement, view: () => TemplateResult, after?: () => void): void {
	effect(() => {
		render(view(), root);
		after?.();
	});
}

/** The element with this id, which the page is known to have. */
export function byId<T extends HTMLElement>(id: string): T {
	const element = document.getElementById(id);
	if (element === null) throw new Error(`the page has no #${id}`);
	return element as T;
}
