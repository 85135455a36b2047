/** Toasts, shown over the page. */
import { html, nothing, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { icon } from "../../shared/icon";
import { isError, type Toast, type ToastAction } from "./toasts";

export interface ToastActions {
	/** Runs an action of a toast. */
	act(id: number, action: ToastAction): void;
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
        class=${isError(toast) ? "toast toast-error" : "toast"}
        @mouseenter=${() => actions.hold(toast.id)}
        @mouseleave=${() => actions.release(toast.id)}
        @focusin=${() => actions.hold(toast.id)}
        @focusout=${() => actions.release(toast.id)}
      >
        <span>${toast.text}</span>
        ${toast.actions.map(
					(
						action,
					) => html`<button type="button" class="toast-action" data-action=${action.name ?? nothing}
            @click=${() => actions.act(toast.id, action)}>${action.label}</button>`,
				)}
        <button type="button" class="bare" aria-label="Dismiss" @click=${() => actions.dismiss(toast.id)}>
          ${icon("x")}
        </button>
      </div>
    `,
	)}`;
}
