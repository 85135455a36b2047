/** The keys of one shortcut, side by side. */
import { html, type TemplateResult } from "lit-html";
import { keysOf } from "../../shared/keyboard";

export function chord(shortcut: string): TemplateResult {
	return html`<span class="chord">${keysOf(shortcut).map((key) => html`<kbd>${key}</kbd>`)}</span>`;
}
