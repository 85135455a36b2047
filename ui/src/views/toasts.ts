/** The notes that float over the page. */
import { html, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import type { Toast } from "../state/toasts";
import { icon } from "./icon";

export interface ToastActions {
	dismiss(id: number): void;
	hold(id: number): void;
	release(id: number): void;
}

export function toasts(shown: readonly Toast[], actions: ToastActions): TemplateResult {
	return html`${repeat(
		shown,
		(toast) => toast.id,
		(toast) => html`
      <div
        class=${toast.isError ? "toast toast-error" : "toast"}
        @mouseenter=${() => actions.hold(toast.id)}
        @mouseleave=${() => actions.release(toast.id)}
        @focusin=${() => actions.hold(toast.id)}
        @focusout=${() => actions.release(toast.id)}
      >
        <span>${toast.text}</span>
        <button type="button" class="bare" aria-label="Dismiss" @click=${() => actions.dismiss(toast.id)}>
          ${icon("x")}
        </button>
      </div>
    `,
	)}`;
}
