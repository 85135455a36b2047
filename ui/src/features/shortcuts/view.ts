/** The dialog that lists all shortcuts. */
import { html, type TemplateResult } from "lit-html";
import { ref } from "lit-html/directives/ref.js";
import type { SendKey } from "../../ipc/bindings";
import { openDialog } from "../../shared/dialog";
import { chord } from "./chord";
import { globalOf, type Shortcut, shortcutGroups } from "./shortcuts";

export function shortcutsDialog(sendKey: SendKey, close: () => void): TemplateResult {
	const done = (event: SubmitEvent) => {
		event.preventDefault();
		(event.currentTarget as HTMLFormElement).closest("dialog")?.close();
	};
	/** The shortcut that opened the dialog closes it. */
	const onKey = (event: KeyboardEvent) => {
		const name = globalOf(event);
		if (name !== "shortcuts" && name !== "help") return;
		event.preventDefault();
		(event.currentTarget as HTMLDialogElement).close();
	};
	return html`
    <dialog id="shortcuts" class="large" aria-labelledby="shortcuts-title" @close=${close} @keydown=${onKey} ${ref(openDialog)}>
      <form @submit=${done}>
        <h2 id="shortcuts-title">Keyboard shortcuts</h2>
        <div class="fields" role="group" aria-labelledby="shortcuts-title" tabindex="0">
          ${shortcutGroups(sendKey).map(
						([name, members]) => html`
              <section aria-label=${name}>
                <h3>${name}</h3>
                <dl>${members.map(row)}</dl>
              </section>
            `,
					)}
        </div>
        <div class="choices"><button type="submit" class="primary" autofocus>Close</button></div>
      </form>
    </dialog>
  `;
}

function row({ label, keys }: Shortcut): TemplateResult {
	return html`
    <div>
      <dt>${label}</dt>
      <dd>${keys.map((shortcut, index) => [index > 0 ? html`<span> or </span>` : "", chord(shortcut)])}</dd>
    </div>
  `;
}
