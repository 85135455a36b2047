/** The page that stands for all others when the application cannot be used. */
import { html, type TemplateResult } from "lit-html";

export function fatal(reason: string): TemplateResult {
	return html`
    <main id="fatal">
      <div role="alert">
        <h1>Conch cannot open its data</h1>
        <p>${reason}</p>
        <p class="quiet">When that is mended, close this window and start Conch again.</p>
      </div>
    </main>
  `;
}
