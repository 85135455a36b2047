/** The title, the choice of a model and the parameters. */
import { html, type TemplateResult } from "lit-html";
import type { ModelInfo } from "../ipc/host";
import { icon } from "./icon";
import { MENU, modelName } from "./model-picker";
import { UNTITLED } from "./sidebar";

export interface HeaderModel {
	readonly title: string | null;
	readonly exists: boolean;
	/** `provider/model` of this conversation; null for the default. */
	readonly modelId: string | null;
	/** Undefined where it is not known, or not yet. */
	readonly model: ModelInfo | undefined;
	readonly modelsRead: boolean;
	readonly pickerOpen: boolean;
	readonly hasParameters: boolean;
	readonly sidebarOpen: boolean;
}

export interface HeaderActions {
	toggleSidebar(): void;
	rename(): void;
	openWindow(): void;
	/** The list of models is about to open under this button. */
	pickModel(button: HTMLElement): void;
	openParameters(): void;
}

export function header(model: HeaderModel, actions: HeaderActions): TemplateResult {
	const title = model.title ?? UNTITLED;
	const name = modelName(model.model, model.modelId, model.modelsRead);
	const parameters = model.hasParameters ? "Parameters (some are set)" : "Parameters";
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
    <button id="model-picker" type="button" class="picker" popovertarget=${MENU} aria-haspopup="dialog"
      aria-expanded=${String(model.pickerOpen)} aria-label=${`Model: ${name}`}
      title=${model.model?.provider ?? ""} .value=${model.modelId ?? model.model?.id ?? ""}
      @click=${(event: Event) => actions.pickModel(event.currentTarget as HTMLElement)}
      ><span>${name}</span>${icon("chevron-down")}</button>
    <button id="open-parameters" type="button" class="bare" aria-haspopup="dialog"
      aria-label=${parameters} title="Parameters" ?data-set=${model.hasParameters}
      @click=${actions.openParameters}>${icon("sliders-horizontal")}</button>
    <button id="open-window" type="button" class="bare" aria-label="Open in a new window"
      title="Open in a new window (Ctrl+Shift+N)" @click=${actions.openWindow}>${icon("square-arrow-out-up-right")}</button>
  `;
}
