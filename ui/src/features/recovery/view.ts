/** The fatal error page with its recovery options, which replaces all others. */
import { html, nothing, type TemplateResult } from "lit-html";
import type { Backup, RecoveryOptions } from "../../ipc/bindings";

export interface Fatal {
	readonly reason: string;
	/** Available options; null if only closing helps, or while unknown. */
	readonly options: RecoveryOptions | null;
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
        ${model.options === null ? closing() : moving()}
        <div class="recovery-actions">
          ${model.options === null ? nothing : replacements(model, model.options, actions)}
          ${actionButton("open-data-folder", model, false, actions.openFolder, "Open the folder")}
        </div>
        ${model.options === null ? nothing : more(model, model.options, actions)}
        <p id="fatal-outcome" role="status">${model.working ?? model.outcome}</p>
      </div>
    </main>
  `;
}

function closing(): TemplateResult {
	return html`<p class="quiet">Once this is fixed, restart Conch.</p>`;
}

function moving(): TemplateResult {
	return html`
    <p class="quiet">
      Data that cannot be opened is never deleted: it is moved to a subfolder of the data folder.
    </p>
  `;
}

/** Actions that replace the database that cannot be opened, or help to. */
function replacements(
	model: Fatal,
	options: RecoveryOptions,
	actions: FatalActions,
): TemplateResult {
	const newest = options.backups[0];
	const isFirst = newest === undefined;
	const { isSaved } = model;
	return html`
    ${newest === undefined ? nothing : backup(newest, model, true, actions)}
    ${
			isSaved
				? actionButton(
						"start-with-saved",
						model,
						isFirst,
						actions.startWithSaved,
						"Start with the saved conversations",
					)
				: nothing
		}
    ${
			options.hasDatabase
				? actionButton(
						"save-readable",
						model,
						isFirst && !isSaved,
						actions.save,
						"Save what can be read",
					)
				: nothing
		}
  `;
}

function more(model: Fatal, options: RecoveryOptions, actions: FatalActions): TemplateResult {
	return html`
    <details>
      <summary>More options</summary>
      <div class="recovery-actions">
        ${options.backups.slice(1).map((each) => backup(each, model, false, actions))}
        ${actionButton("start-with-empty", model, false, actions.startWithEmpty, "Start with an empty history")}
      </div>
    </details>
  `;
}

function actionButton(
	id: string,
	{ working }: Fatal,
	isFirst: boolean,
	act: () => void,
	label: string,
): TemplateResult {
	return html`
    <button id=${id} class=${isFirst ? "primary" : ""} aria-disabled=${working !== null} @click=${act}>${label}</button>
  `;
}

function backup(
	{ name, madeAt }: Backup,
	{ working }: Fatal,
	isFirst: boolean,
	actions: FatalActions,
): TemplateResult {
	return html`
    <button
      class="start-with-backup ${isFirst ? "primary" : ""}"
      data-backup=${name}
      aria-disabled=${working !== null}
      @click=${() => actions.startWithBackup(name)}
    >Start with the backup of ${DAY.format(madeAt)}</button>
  `;
}
