/** The providers section: the existing ones, servers found on this machine, and presets for new ones. */
import { html, nothing, type TemplateResult } from "lit-html";
import { live } from "lit-html/directives/live.js";
import { repeat } from "lit-html/directives/repeat.js";
import type { FoundServer, Preset, ProviderInfo } from "../../ipc/bindings";
import { count } from "../../shared/format";
import { icon } from "../../shared/icon";
import { isComposing } from "../../shared/keyboard";
import { errorNotice, title } from "../../shared/section";
import { addressIn, candidatesOfKey, isLikelyKey, presetOfAddress } from "./recognise";
import {
	findPresets,
	presetAddress,
	providerState,
	REMEDIES,
	type Remedy,
	remedyOf,
} from "./texts";

export interface ProvidersModel {
	/** Null until they are read. */
	readonly list: readonly ProviderInfo[] | null;
	/** Why they could not be read. */
	readonly problem: string | null;
	/** Servers on this machine that are not providers yet. */
	readonly offered: readonly FoundServer[];
	readonly scanning: boolean;
	readonly scanProblem: string | null;
	/** The models are being listed, which shows whether a provider answers again. */
	readonly checking: boolean;
}

export interface ProvidersActions {
	load(): void;
	add(): void;
	edit(provider: ProviderInfo): void;
	remove(provider: ProviderInfo): void;
	/** Does something about a provider's last error. */
	remedy(provider: ProviderInfo, remedy: Remedy): void;
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
				(provider) => row(provider, model.checking, actions),
			)}
    </ul>
  `;
}

function row(provider: ProviderInfo, checking: boolean, actions: ProvidersActions): TemplateResult {
	const { name } = provider;
	return html`
    <li class="provider" data-provider-id=${provider.id} data-source=${provider.source}>
      <div class="what">
        <p class="name">${name}</p>
        <p class="address">${provider.baseUrl}</p>
        <p class="help">${providerState(provider)}</p>
      </div>
      ${
				provider.source === "environment"
					? html`<button type="button" class="edit" aria-label=${`Review ${name}`}
              @click=${() => actions.edit(provider)}>Review</button>`
					: nothing
			}
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
      ${lastError(provider, checking, actions)}
    </li>
  `;
}

const AT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** Why a provider did not answer last time, and what helps. Always rendered, so that a change is announced. */
function lastError(
	provider: ProviderInfo,
	checking: boolean,
	actions: ProvidersActions,
): TemplateResult {
	const { name, lastError: last } = provider;
	const remedy = remedyOf(provider);
	return html`
    <div class="last-error" role="status">
      ${
				last === null || remedy === null
					? nothing
					: html`
            <p data-code=${last.code}>${icon("circle-alert")}<span><time
              datetime=${new Date(last.at).toISOString()}>${AT.format(last.at)}</time>: ${last.message}</span></p>
            <button type="button" class="remedy" data-remedy=${remedy} aria-label=${`${REMEDIES[remedy]}: ${name}`}
              aria-disabled=${String(checking && remedy === "tryAgain")}
              @click=${() => actions.remedy(provider, remedy)}>${REMEDIES[remedy]}</button>
          `
			}
    </div>
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
	/** Connects to the server at a typed address. */
	connect(preset: Preset, address: string): void;
	cancel(): void;
}

/** One field for a key, an address or a search, above the presets that it leads to. */
export function presets(
	all: readonly Preset[],
	query: string,
	problem: string | null,
	actions: PresetActions,
): TemplateResult {
	const isKey = isLikelyKey(query);
	const address = isKey ? null : addressIn(query);
	const candidates = isKey ? candidatesOfKey(all, query) : findPresets(all, query);
	const others = isKey ? all.filter((preset) => !candidates.includes(preset)) : [];
	const server = address === null ? null : presetOfAddress(all, address);
	const first = () => {
		if (server !== null && address !== null) actions.connect(server, address);
		else if (candidates[0] !== undefined) actions.choose(candidates[0]);
	};
	const onKey = (event: KeyboardEvent) => {
		if (isComposing(event)) return;
		if (event.key === "ArrowDown") moveFocus(event, 1);
		else if (event.key === "ArrowUp") moveFocus(event, -1);
		else if (event.key === "Enter" && event.target instanceof HTMLInputElement) first();
		else return;
		event.preventDefault();
	};
	const found = candidates.length + (server === null ? 0 : 1);
	return html`
    <div class="section-head">
      ${title("Add a provider")}
      <button type="button" id="cancel-provider" @click=${actions.cancel}>Cancel</button>
    </div>
    <p class="quiet">Paste an API key or a server’s address. Conch finds out the rest.</p>
    <div class="presets" @keydown=${onKey}>
      <div class="search">
        ${icon("search")}
        <input id="preset-search" type="text" placeholder="API key, address, or name of a provider"
          aria-label="API key, address, or name of a provider"
          autocomplete="off" spellcheck="false" .value=${live(query)}
          @input=${(event: Event) => actions.search((event.currentTarget as HTMLInputElement).value)} />
      </div>
      ${
				isKey
					? html`<p class="quiet" role="status">Keys of ${count(candidates.length, "provider")} can look like this one. Which is it?</p>`
					: html`<p class="visually-hidden" role="status">${count(found, "provider")}</p>`
			}
      ${
				server === null || address === null
					? nothing
					: html`<ul class="rows" aria-label="Server at this address"><li>
              <button type="button" class="preset" id="connect-address" data-preset=${server.id}
                @click=${() => actions.connect(server, address)}>
                <span class="name">Connect to ${address}</span>
                <span class="address">${server.id === "custom" ? "OpenAI-compatible server" : server.name}</span>
              </button></li></ul>`
			}
      ${found === 0 ? nonePreset(all.length === 0, problem, actions) : nothing}
      ${presetList("preset-list", "Providers to add", candidates, actions)}
      ${
				others.length === 0
					? nothing
					: html`<h3>Other providers</h3>${presetList("other-presets", "Other providers", others, actions)}`
			}
    </div>
  `;
}

function presetList(
	id: string,
	label: string,
	presets: readonly Preset[],
	actions: PresetActions,
): TemplateResult {
	return html`
    <ul id=${id} class="rows" aria-label=${label}>
      ${repeat(
				presets,
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
