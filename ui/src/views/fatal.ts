/** The page that stands for all others when the application cannot be used, and the ways on. */
import { html, nothing, type TemplateResult } from "lit-html";
import type { Backup, WaysOn } from "../ipc/host";

export interface Fatal {
	readonly reason: string;
	/** What can be offered; null where only closing helps, or while it is not known. */
	readonly ways: WaysOn | null;
	readonly working: string | null;
	readonly outcome: string;
	readonly isSaved: boolean;
}

export interface FatalActions {
	startWithBackup(name: string): void;
	startWithSaved(): void;
	startWithEmpty(): void;
	save(): void;
	openFolder(): void;
}

const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "long", timeStyle: "short" });

export function fatal(model: Fatal, actions: FatalActions): TemplateResult {
	return html`
    <main id="fatal">
      <div>
        <div role="alert">
          <h1>Conch cannot open its data</h1>
          <p>${model.reason}</p>
        </div>
        ${model.ways === null ? closing() : waysOn(model, model.ways, actions)}
        <p id="fatal-outcome" role="status">${model.working ?? model.outcome}</p>
      </div>
    </main>
  `;
}

function closing(): TemplateResult {
	return html`<p class="quiet">When that is mended, close this window and start Conch again.</p>`;
}

function waysOn(model: Fatal, ways: WaysOn, actions: FatalActions): TemplateResult {
	const [newest, ...older] = ways.backups;
	const isBusy = model.working !== null;
	const way = (id: string, isFirst: boolean, act: () => void, label: string) => html`
      <button id=${id} class=${isFirst ? "primary" : ""} aria-disabled=${isBusy} @click=${act}>${label}</button>
    `;
	const hasMore = newest !== undefined;
	return html`
    <p class="quiet">
      What cannot be opened is never deleted: it is moved into a folder beside your data.
    </p>
    <div class="ways">
      ${newest === undefined ? nothing : backup(newest, true, isBusy, actions)}
      ${
				model.isSaved
					? way("start-with-saved", !hasMore, actions.startWithSaved, "Start with what was saved")
					: nothing
			}
      ${
				ways.hasDatabase
					? way("save-readable", !hasMore && !model.isSaved, actions.save, "Save what can be read")
					: nothing
			}
      ${way("open-data-folder", false, actions.openFolder, "Open the folder")}
    </div>
    <details>
      <summary>More</summary>
      <div class="ways">
        ${older.map((each) => backup(each, false, isBusy, actions))}
        ${way("start-with-empty", false, actions.startWithEmpty, "Start with no conversations")}
      </div>
    </details>
  `;
}

function backup(
	{ name, madeAt }: Backup,
	isFirst: boolean,
	isBusy: boolean,
	actions: FatalActions,
): TemplateResult {
	return html`
    <button
      class="start-with-backup ${isFirst ? "primary" : ""}"
      data-backup=${name}
      aria-disabled=${isBusy}
      @click=${() => actions.startWithBackup(name)}
    >Start with the backup of ${DAY.format(madeAt)}</button>
  `;
}
