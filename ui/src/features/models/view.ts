/** The model picker: a search field above a list, grouped by provider. */
import { html, nothing, type TemplateResult } from "lit-html";
import { live } from "lit-html/directives/live.js";
import { repeat } from "lit-html/directives/repeat.js";
import type { ModelInfo } from "../../ipc/bindings";
import { count, shortTokens } from "../../shared/format";
import { icon } from "../../shared/icon";
import { isComposing } from "../../shared/keyboard";
import { isAvailable, type PickerOption } from "./picker";
import type { ModelGroup } from "./search";

/** Id of the popover. */
export const MENU = "model-menu";

/** Number of rows that a page key moves. */
const PAGE = 8;

export interface PickerModel {
	readonly query: string;
	readonly groups: readonly ModelGroup[];
	readonly options: readonly PickerOption[];
	/** Index of the option that Enter chooses; -1 for none. */
	readonly active: number;
	readonly chosen: string | null;
	/** Label for the choice of no model; null if one is required. */
	readonly none: string | null;
	readonly reading: boolean;
	readonly problem: string | null;
}

export interface ChooserActions {
	search(text: string): void;
	move(step: number): void;
	choose(option: PickerOption): void;
}

export interface PickerActions extends ChooserActions {
	close(): void;
	refresh(): void;
	addProvider(): void;
}

/** Returns the display name of a model that may be unknown, or not loaded yet. */
export function modelName(model: ModelInfo | undefined, id: string | null, read: boolean): string {
	if (model !== undefined) return model.available ? model.name : `${model.name} (not available)`;
	if (!read) return "Model";
	return id === null ? "No model" : `${id} (not available)`;
}

export function modelMenu(model: PickerModel, actions: PickerActions): TemplateResult {
	return html`
    ${modelChooser(model, actions)}
    <div class="foot">
      <button id="refresh-models" type="button" class="bare" aria-disabled=${String(model.reading)}
        ?data-busy=${model.reading} @click=${actions.refresh}>${icon("refresh-cw")}<span>Refresh</span></button>
      <button id="picker-add-provider" type="button" class="bare" @click=${actions.addProvider}
        >${icon("plus")}<span>Add a provider…</span></button>
    </div>
  `;
}

/** A search field above the list of the models that it finds. */
export function modelChooser(model: PickerModel, actions: ChooserActions): TemplateResult {
	const onKey = (event: KeyboardEvent) => {
		if (isComposing(event)) return;
		const option = model.options[model.active];
		const steps: Record<string, number> = {
			ArrowDown: 1,
			ArrowUp: -1,
			PageDown: PAGE,
			PageUp: -PAGE,
			Home: -model.options.length,
			End: model.options.length,
		};
		const step = event.shiftKey ? undefined : steps[event.key];
		if (step !== undefined) actions.move(step);
		else if (event.key === "Enter" && option !== undefined) actions.choose(option);
		else return;
		event.preventDefault();
	};
	return html`
    <div class="search">
      ${icon("search")}
      <input id="model-search" type="text" role="combobox" placeholder="Search models" autocomplete="off"
        spellcheck="false" autofocus aria-label="Search models" aria-expanded=${String(model.options.length > 0)} aria-controls="model-list"
        aria-autocomplete="list" aria-activedescendant=${model.active < 0 ? nothing : optionId(model.active)}
        .value=${live(model.query)} @keydown=${onKey}
        @input=${(event: Event) => actions.search((event.currentTarget as HTMLInputElement).value)} />
    </div>
    <div id="model-list" role="listbox" aria-label="Models" aria-busy=${String(model.reading)}
      @mousedown=${(event: Event) => event.preventDefault()}>
      ${model.options[0] === null ? row(null, 0, model, actions) : nothing}
      ${repeat(
				model.groups,
				(group) => group.providerId,
				(group) => html`
          <div role="group" aria-label=${group.provider}>
            <div class="group" aria-hidden="true">${group.provider}</div>
            ${repeat(
							group.models,
							(one) => one.id,
							(one) => row(one, model.options.indexOf(one), model, actions),
						)}
            ${
							group.more > 0
								? html`<div class="more" aria-hidden="true">${group.more} more: type to search</div>`
								: nothing
						}
          </div>
        `,
			)}
    </div>
    <p class="summary" role="status">${summary(model)}</p>
  `;
}

function row(
	option: PickerOption,
	index: number,
	model: PickerModel,
	actions: ChooserActions,
): TemplateResult {
	const id = option?.id ?? null;
	const context = option?.contextTokens ?? null;
	const note = option === null ? "" : noteOf(option);
	return html`
    <div role="option" class="option" id=${optionId(index)} data-model-id=${id ?? ""}
      aria-selected=${String(id === model.chosen)} aria-disabled=${String(!isAvailable(option))}
      ?data-active=${index === model.active} title=${option === null ? "" : hintOf(option)} @click=${() => actions.choose(option)}>
      <span class="tick">${id === model.chosen ? icon("check") : nothing}</span>
      <span class="name">${option?.name ?? model.none}</span>
      ${
				context === null
					? nothing
					: html`<span class="context">${shortTokens(context)}<span class="visually-hidden"> tokens of context</span></span>`
			}
      ${note === "" ? nothing : html`<span class="note">${note}</span>`}
    </div>
  `;
}

const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "long", timeZone: "UTC" });

/** Returns what to know before choosing a model; empty if there is nothing. */
export function noteOf({ note, cloud, endsAt }: ModelInfo, now = Date.now()): string {
	const notes = note === null ? [] : [note];
	if (cloud) notes.push("Runs in the cloud, not on this machine.");
	if (endsAt !== null) notes.push(`${endsAt > now ? "Ends" : "Ended"} on ${DAY.format(endsAt)}.`);
	return notes.join(" ");
}

/** Returns a model's id, and its price if that is known. */
function hintOf({ id, price }: ModelInfo): string {
	if (price === null) return id;
	const [input, output] = [price.input, price.output].map((millionths) => `$${millionths / 1e6}`);
	return `${id}\n${input} in, ${output} out per million tokens`;
}

function summary({ groups, query, reading, problem }: PickerModel): string {
	if (problem !== null) return `Could not load the models: ${problem}`;
	const models = groups.flatMap((group) => group.models);
	// An unavailable provider is listed, but is not a model.
	const shown = models.filter(isAvailable).length;
	const more = groups.reduce((sum, group) => sum + group.more, 0);
	if (shown > 0)
		return more > 0 ? `${shown} of ${count(shown + more, "model")}` : count(shown, "model");
	if (reading) return "Loading models…";
	if (models.length > 0) return "No model is available.";
	return query.trim() === "" ? "No models yet: add a provider." : "No model matches.";
}

function optionId(index: number): string {
	return `model-option-${index}`;
}
