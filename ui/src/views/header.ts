/** The title and the choice of a model. */
import { html, nothing, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import type { ModelInfo } from "../ipc/host";
import { icon } from "./icon";
import { UNTITLED } from "./sidebar";

export interface HeaderModel {
	readonly title: string | null;
	readonly exists: boolean;
	readonly models: readonly ModelInfo[];
	/** `provider/model` of this conversation; null for the default. */
	readonly modelId: string | null;
	readonly model: ModelInfo | undefined;
	readonly sidebarOpen: boolean;
}

export interface HeaderActions {
	toggleSidebar(): void;
	rename(): void;
	openWindow(): void;
	chooseModel(id: string): void;
	readModels(): void;
}

export function header(model: HeaderModel, actions: HeaderActions): TemplateResult {
	const title = model.title ?? UNTITLED;
	const chosen = model.modelId ?? model.model?.id;
	const missing = chosen !== undefined && !model.models.some((known) => known.id === chosen);
	const choose = (event: Event) =>
		actions.chooseModel((event.currentTarget as HTMLSelectElement).value);
	return html`
    <button id="toggle-sidebar" type="button" class="bare" aria-controls="sidebar"
      aria-expanded=${String(model.sidebarOpen)} aria-label="Conversations" title="Conversations"
      @click=${actions.toggleSidebar}>${icon("panel-left")}</button>
    <h1>
      ${
				model.exists
					? html`<button type="button" class="title" title="Rename (F2)" @click=${actions.rename}>${title}</button>`
					: html`<span class="title">${title}</span>`
			}
    </h1>
    <label class="visually-hidden" for="model-picker">Model</label>
    <select id="model-picker" @change=${choose} @focus=${actions.readModels}>
      ${missing ? html`<option value=${chosen} selected>${chosen} (not available)</option>` : nothing}
      ${repeat(
				model.models,
				(known) => known.id,
				(known) => html`<option value=${known.id} ?selected=${known.id === chosen}
          ?disabled=${!known.available} title=${known.note ?? ""}>${label(known)}</option>`,
			)}
    </select>
    <button id="open-window" type="button" class="bare" aria-label="Open in a new window"
      title="Open in a new window (Ctrl+Shift+N)" @click=${actions.openWindow}>${icon("square-arrow-out-up-right")}</button>
  `;
}

function label(model: ModelInfo): string {
	if (!model.available) return `${model.name} (not available)`;
	return model.embedded ? model.name : `${model.name} · ${model.provider}`;
}
