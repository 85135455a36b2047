/** What the sections of the settings have in common. */
import { html, type TemplateResult } from "lit-html";
import { icon } from "./icon";

/** Finds the heading of the section that is shown. */
export const TITLE = "#section-title";

/** A section's heading, which takes the focus when the section is shown. */
export function title(text: string): TemplateResult {
	return html`<h2 id="section-title" tabindex="-1">${text}</h2>`;
}

/** Something that could not be read, and the button that tries again. */
export function errorNotice(text: string, again: () => void): TemplateResult {
	return html`
    <div class="error-notice" role="alert">
      <p>${text}</p>
      <button type="button" @click=${again}>${icon("rotate-ccw")}<span>Try again</span></button>
    </div>
  `;
}
