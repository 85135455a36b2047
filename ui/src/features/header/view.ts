/** The header: the title, the model picker and the parameters. */
import { html, nothing, type TemplateResult } from "lit-html";
import type { ConversationView, ModelInfo } from "../../ipc/bindings";
import { icon } from "../../shared/icon";
import { branchPicker } from "../branches/view";
import { MENU, modelName } from "../models/view";
import { aria, hint } from "../shortcuts/shortcuts";
import { UNTITLED } from "../sidebar/view";

export interface HeaderModel {
	/** Null for a conversation that does not exist yet. */
	readonly view: ConversationView | null;
	/** `provider/model` of this conversation; null for the default. */
	readonly modelId: string | null;
	/** Undefined if it is unknown, or not loaded yet. */
	readonly model: ModelInfo | undefined;
	readonly modelsRead: boolean;
	readonly pickerOpen: boolean;
	readonly hasParameters: boolean;
	/** The sidebar is visible. */
	readonly sidebarOpen: boolean;
	/** The map is open. */
	readonly mapOpen: boolean;
}

export interface HeaderActions {
	toggleSidebar(): void;
	create(): void;
	rename(): void;
	openWindow(): void;
	/** The model picker is about to open under this button. */
	pickModel(button: HTMLElement): void;
	openParameters(): void;
	toggleMap(): void;
}

export function header(model: HeaderModel, actions: HeaderActions): TemplateResult {
	const title = model.view?.title ?? UNTITLED;
	const name = modelName(model.model, model.modelId, model.modelsRead);
	const parameters = model.hasParameters ? "Parameters (customized)" : "Parameters";
	return html`
    <button id="toggle-sidebar" type="button" class="bare" aria-controls="sidebar"
      aria-expanded=${String(model.sidebarOpen)} aria-label="Conversations" aria-keyshortcuts=${aria("sidebar")}
      title=${hint(model.sidebarOpen ? "Hide the sidebar" : "Show the sidebar", "sidebar")}
      @click=${actions.toggleSidebar}>${icon("panel-left")}</button>
    ${
			model.sidebarOpen
				? nothing
				: html`<button id="header-new" type="button" class="bare" aria-label="New chat" aria-keyshortcuts=${aria("create")}
            title=${hint("New chat", "create")} @click=${actions.create}>${icon("plus")}</button>`
		}
    <h1>
      ${
				model.view !== null
					? html`<button type="button" class="title" title=${hint("Rename", "rename")} @click=${actions.rename}>${title}</button>`
					: html`<span class="title">${title}</span>`
			}
    </h1>
    ${branchPicker(model.view)}
    <button id="model-picker" type="button" class="picker" popovertarget=${MENU} aria-haspopup="dialog"
      aria-expanded=${String(model.pickerOpen)} aria-label=${`Model: ${name}`}
      title=${model.model?.provider ?? ""} .value=${model.modelId ?? model.model?.id ?? ""}
      @click=${(event: Event) => actions.pickModel(event.currentTarget as HTMLElement)}
      ><span>${name}</span>${icon("chevron-down")}</button>
    ${
			model.view === null
				? nothing
				: html`<button id="toggle-map" type="button" class="bare" aria-controls="map" aria-expanded=${String(model.mapOpen)}
            aria-label="Map of branches" aria-keyshortcuts=${aria("map")} title=${hint("Map of branches", "map")}
            @click=${actions.toggleMap}>${icon("git-graph")}</button>`
		}
    <button id="open-parameters" type="button" class="bare" aria-haspopup="dialog"
      aria-label=${parameters} title="Parameters" ?data-set=${model.hasParameters}
      @click=${actions.openParameters}>${icon("sliders-horizontal")}</button>
    <button id="open-window" type="button" class="bare" aria-label="Open in a new window"
      aria-keyshortcuts=${aria("openWindow")} title=${hint("Open in a new window", "openWindow")} @click=${actions.openWindow}>${icon("square-arrow-out-up-right")}</button>
  `;
}
