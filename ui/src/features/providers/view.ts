/** The providers section: the existing ones, servers found on this machine, and presets for new ones. */
import { html, nothing, type TemplateResult } from "lit-html";
import { live } from "lit-html/directives/live.js";
import { repeat } from "lit-html/directives/repeat.js";
import type { FoundServer, Preset, ProviderInfo } from "../../ipc/bindings";
import { count } from "../../shared/format";
import { icon } from "../../shared/icon";
import { errorNotice, title } from "../../shared/section";
import { findPresets, isLikelyKey, presetAddress, providerState } from "./texts";

export interface ProvidersModel {
	/** Null until they are read. */
	readonly list: readonly ProviderInfo[] | null;
	/** Why they could not be read. */
	readonly problem: string | null;
	/** Servers on this machine that are not providers yet. */
	readonly offered: readonly FoundServer[];
	readonly scanning: boolean;
	readonly scanProblem: string | null;
}

export interface ProvidersActions {
	load(): void;
	add(): void;
	edit(provider: ProviderInfo): void;
	remove(provider: ProviderInfo): void;
	scan(): void;
	addServer(server: FoundServer): void;
}

export function providers(model: ProvidersModel, actions: ProvidersActions): TemplateResult {
	return html`
    <div class="section-head">
      ${title("Providers")}
      <button id="add-provider" type="button" class="primary" @click=${actions.add}
        >${icon("plus")}<span>Add provider</span></button>
    </div>
    <p class="quiet">Services and servers that run the models. Messages go only to the provider of the selected model.</p>
    ${list(model, actions)}
    <h3>On this machine</h3>
    ${servers(model, actions)}
  `;
}

function list(model: ProvidersModel, actions: ProvidersActions): TemplateResult {
	if (model.problem !== null) {
		return errorNotice(`Could not load the providers: ${model.problem}`, actions.load);
	}
	if (model.list === null) return html`<p class="quiet" role="status">Loading providers…</p>`;
	if (model.list.length === 0) {
		return html`<p class="none">No providers yet. Add one to use its models.</p>`;
	}
	return html`
    <ul id="provider-list" class="rows" aria-label="Providers">
      ${repeat(
				model.list,
				(provider) => provider.id,
				(provider) => row(provider, actions),
			)}
    </ul>
  `;
}

function row(provider: ProviderInfo, actions: ProvidersActions): TemplateResult {
	const { name } = provider;
	return html`
    <li class="provider" data-provider-id=${provider.id} data-source=${provider.source}>
      <div class="what">
        <p class="name">${name}</p>
        <p class="address">${provider.baseUrl}</p>
        <p class="help">${providerState(provider)}</p>
      </div>
      ${
				provider.source === "settings"
					? html`
            <button type="button" class="edit" aria-label=${`Edit ${name}`}
              @click=${() => actions.edit(provider)}>Edit</button>
            <button type="button" class="remove" aria-label=${`Remove ${name}`}
              @click=${() => actions.remove(provider)}>Remove</button>
          `
					: nothing
			}
    </li>
  `;
}

function servers(model: ProvidersModel, actions: ProvidersActions): TemplateResult {
	const words = model.scanning
		? "Scanning for model servers…"
		: (model.scanProblem ??
			(model.offered.length === 0
				? "No other model servers were found on this machine."
				: "Not used until you add them."));
	return html`
    <div class="section-head">
      <p class="quiet" role="status">${words}</p>
      <button id="look-for-servers" type="button" class="bare" aria-disabled=${String(model.scanning)}
        ?data-busy=${model.scanning} @click=${actions.scan}>${icon("refresh-cw")}<span>Scan again</span></button>
    </div>
    <ul id="found-servers" class="rows" aria-label="Servers on this machine">
      ${model.offered.map(
				(server) => html`
          <li class="found" data-base-url=${server.baseUrl}>
            <div class="what">
              <p class="name">${server.name}</p>
              <p class="address">${server.baseUrl}</p>
              <p class="help">${count(server.models, "model")}</p>
            </div>
            <button type="button" class="add" aria-label=${`Add ${server.name}`}
              @click=${() => actions.addServer(server)}>Add</button>
          </li>
        `,
			)}
    </ul>
  `;
}

export interface PresetActions {
	load(): void;
	search(text: string): void;
	choose(preset: Preset): void;
	cancel(): void;
}

/** The presets for a new provider. */
export function presets(
	all: readonly Preset[],
	query: string,
	problem: string | null,
	actions: PresetActions,
): TemplateResult {
	const isKey = isLikelyKey(query);
	const found = findPresets(all, isKey ? "" : query);
	const onKey = (event: KeyboardEvent) => {
		const first = found[0];
		if (event.key === "ArrowDown") moveFocus(event, 1);
		else if (event.key === "ArrowUp") moveFocus(event, -1);
		else if (event.key === "Enter" && event.target instanceof HTMLInputElement) {
			if (first !== undefined && !event.isComposing) actions.choose(first);
		} else return;
		event.preventDefault();
	};
	return html`
    <div class="section-head">
      ${title("Add a provider")}
      <button type="button" id="cancel-provider" @click=${actions.cancel}>Cancel</button>
    </div>
    <div class="presets" @keydown=${onKey}>
      <div class="search">
        ${icon("search")}
        <input id="preset-search" type="text" placeholder="Search providers, or paste an API key"
          aria-label="Search providers, or paste an API key"
          autocomplete="off" spellcheck="false" .value=${live(query)}
          @input=${(event: Event) => actions.search((event.currentTarget as HTMLInputElement).value)} />
      </div>
      ${
				isKey
					? html`<p class="quiet" role="status">Keys of several providers look like this one. Choose the provider.</p>`
					: html`<p class="visually-hidden" role="status">${count(found.length, "provider")}</p>`
			}
      ${found.length === 0 ? nonePreset(all.length === 0, problem, actions) : nothing}
      <ul id="preset-list" class="rows" aria-label="Providers to add">
        ${repeat(
					found,
					(preset) => preset.id,
					(preset) => html`
            <li>
              <button type="button" class="preset" data-preset=${preset.id} @click=${() => actions.choose(preset)}>
                <span class="name">${preset.name}</span>
                <span class="address">${presetAddress(preset)}</span>
              </button>
            </li>
          `,
				)}
      </ul>
    </div>
  `;
}

function nonePreset(
	isUnread: boolean,
	problem: string | null,
	actions: PresetActions,
): TemplateResult {
	if (!isUnread) {
		return html`<p class="none">No provider matches. Most servers can be added as a custom one.</p>`;
	}
	if (problem === null) return html`<p class="quiet">Loading…</p>`;
	return errorNotice(`Could not load the list: ${problem}`, actions.load);
}

function moveFocus(event: KeyboardEvent, step: number): void {
	const presets = event.currentTarget as HTMLElement;
	const stops = [...presets.querySelectorAll<HTMLElement>("#preset-search, .preset")];
	stops[stops.indexOf(event.target as HTMLElement) + step]?.focus();
}
