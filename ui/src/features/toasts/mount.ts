/** Draws the toasts of each kind in its place. */
import type { TemplateResult } from "lit-html";
import { mountView } from "../../shared/dom";
import type { ToastKind, Toasts } from "./toasts";
import { toasts as view } from "./view";

export interface ToastElements {
	/** Announced politely. */
	readonly notices: HTMLElement;
	/** Announced at once. */
	readonly alerts: HTMLElement;
}

/** Draws notes and errors; refusals are drawn by the composer. `lost` moves the focus from a dismissed toast. */
export function mountToasts(elements: ToastElements, toasts: Toasts, lost: () => void): void {
	mountView(elements.alerts, () => toastsOf(toasts, "error"), undefined, lost);
	mountView(elements.notices, () => toastsOf(toasts, "note"), undefined, lost);
}

/** Renders the toasts of a kind. */
export function toastsOf(toasts: Toasts, kind: ToastKind): TemplateResult {
	const shown = toasts.shown.value.filter((toast) => toast.kind === kind);
	return view(shown, toasts);
}
