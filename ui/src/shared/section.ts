/** Parts shared by the sections of the settings. */
import { html, type TemplateResult } from "lit-html";
import { icon } from "./icon";

/** Selector for the heading of the shown section. */
export const TITLE = "#section-title";

/** A section's heading, which takes the focus when the section is shown. */
export function title(text: string): TemplateResult {
	return html`<h2 id="section-title" tabindex="-1">${text}</h2>`;
}

/** A read error, with a button to retry. */
export function errorNotice(text: string, again: () => void): TemplateResult {
	return html`
    <div class="error-notice" role="alert">
      <p>${text}</p>
      <button type="button" @click=${again}>${icon("rotate-ccw")}<span>Try again</span></button>
    </div>
  `;
}
