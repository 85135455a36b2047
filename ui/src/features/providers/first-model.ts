/** The question after a provider was added: which of its models answers new chats. */
import { computed, type ReadonlySignal } from "@preact/signals-core";
import { html, type TemplateResult } from "lit-html";
import type { ModelInfo, ProviderInfo } from "../../ipc/bindings";
import { count } from "../../shared/format";
import { title } from "../../shared/section";
import { type Choice, isAvailable, ModelPicker, type PickerOption } from "../models/picker";
import { modelChooser } from "../models/view";

export class FirstModel {
	/** The provider that was added. */
	readonly provider: ProviderInfo;
	/** Its models that can answer; those that end soon are last. */
	readonly models: ReadonlySignal<readonly ModelInfo[]>;
	readonly picker: ModelPicker<Choice>;
	/** The model that answers new chats until another is chosen. */
	readonly current: ModelInfo | undefined;

	constructor(provider: ProviderInfo, all: ReadonlySignal<readonly ModelInfo[]>) {
		this.provider = provider;
		this.models = computed(() =>
			all.value.filter((model) => model.providerId === provider.id && model.available),
		);
		this.current = all.value.find((model) => model.isDefault);
		this.picker = new ModelPicker<Choice>(this.models);
		const isOwn = this.current?.providerId === provider.id;
		this.picker.open({ chosen: isOwn ? (this.current?.id ?? null) : null, none: null });
	}
}

export interface FirstModelActions {
	choose(id: string): void;
	/** Leaves the default as it is. */
	skip(): void;
}

export function firstModel(state: FirstModel, actions: FirstModelActions): TemplateResult {
	const { picker, provider, current } = state;
	const choose = (option: PickerOption) => {
		if (option !== null && isAvailable(option)) actions.choose(option.id);
	};
	return html`
    ${title("Which model shall answer new chats?")}
    <p class="quiet">${provider.name} is connected: ${count(state.models.value.length, "model")}. Each chat can use another one.</p>
    <div id="first-model" class="first-model">
      ${modelChooser(
				{
					query: picker.query.value,
					groups: picker.groups.value,
					options: picker.options.value,
					active: picker.active.value,
					chosen: picker.request.value?.chosen ?? null,
					none: null,
					reading: false,
					problem: null,
				},
				{
					search: (text) => picker.search(text),
					move: (step) => picker.move(step),
					choose,
				},
			)}
    </div>
    <div class="choices">
      <button id="skip-first-model" type="button" @click=${actions.skip}>${
				current === undefined ? "Not now" : `Keep ${current.name}`
			}</button>
      <button id="choose-first-model" type="button" class="primary" aria-disabled=${String(picker.active.value < 0)}
        @click=${() => choose(picker.options.value[picker.active.value] ?? null)}>Use this model</button>
    </div>
  `;
}
