/** Drawing, finding and focusing elements. */
import { effect, untracked } from "@preact/signals-core";
import { render, type TemplateResult } from "lit-html";

/**
 * Renders a view now and whenever a signal that it reads changes. Runs `after` when the DOM is up to date. A focused element keeps the focus when it is moved; when it is
 * removed, `lost` has to move the focus.
 */
export function mountView(
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

/** Returns whether no element has the focus, so that keystrokes would be lost. */
export function hasNoFocus(): boolean {
	const active = document.activeElement;
	return active === null || active === document.body;
}

/** Returns the element with this id; throws if the page has none. */
export function byId<T extends HTMLElement>(page: Document, id: string): T {
	const element = page.getElementById(id);
	if (element === null) throw new Error(`the page has no #${id}`);
	return element as T;
}

export function isDialogOpen(): boolean {
	return document.querySelector("dialog[open]") !== null;
}

/** Returns whether the focused element accepts text. */
export function isTyping(): boolean {
	const active = document.activeElement;
	return (
		active?.matches(
			"textarea, select, [contenteditable], input:not([type=checkbox], [type=radio])",
		) ?? false
	);
}
