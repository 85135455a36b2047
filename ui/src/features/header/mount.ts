/** Draws the header of the shown branch. */
import type { ReadonlySignal } from "@preact/signals-core";
import type { ConversationView, ModelInfo, Parameters } from "../../ipc/bindings";
import { mountView } from "../../shared/dom";
import type { Models } from "../models/models";
import type { ModelPicker } from "../models/picker";
import { isAnySet, NO_PARAMETERS } from "../parameters/parameters";
import { type HeaderActions, header } from "./view";

/** The branch that the header is about. */
export interface HeaderSubject {
	readonly view: ReadonlySignal<ConversationView | null>;
	readonly modelId: ReadonlySignal<string | null>;
	readonly parameters: ReadonlySignal<Parameters | null>;
	chooseModel(modelId: string): Promise<void>;
}

export interface HeaderDeps extends Omit<HeaderActions, "rename" | "pickModel"> {
	readonly shown: ReadonlySignal<HeaderSubject>;
	/** The model of the branch, unless it is unknown. */
	readonly model: ReadonlySignal<ModelInfo | undefined>;
	readonly models: Models;
	readonly picker: ModelPicker;
	/** Returns whether the picker is open under the header's button. */
	isPicking(): boolean;
	isSidebarOpen(): boolean;
	isMapOpen(): boolean;
	rename(conversation: ConversationView): void;
}

export function mountHeader(root: HTMLElement, deps: HeaderDeps): void {
	const { shown, model, models, picker } = deps;
	const actions: HeaderActions = {
		toggleSidebar: deps.toggleSidebar,
		create: deps.create,
		openWindow: deps.openWindow,
		openParameters: deps.openParameters,
		toggleMap: deps.toggleMap,
		rename: () => {
			const view = shown.value.view.value;
			if (view !== null) deps.rename(view);
		},
		pickModel: (anchor) => {
			const { modelId } = shown.value;
			picker.open({
				anchor,
				chosen: modelId.value ?? model.value?.id ?? null,
				none: null,
				choose: (id) => {
					if (id !== null) void shown.value.chooseModel(id);
				},
			});
		},
	};
	mountView(root, () => {
		const { view, modelId, parameters } = shown.value;
		return header(
			{
				view: view.value,
				modelId: modelId.value,
				model: model.value,
				modelsRead: models.list.value.length > 0,
				pickerOpen: deps.isPicking(),
				hasParameters: isAnySet(parameters.value ?? NO_PARAMETERS),
				sidebarOpen: deps.isSidebarOpen(),
				mapOpen: deps.isMapOpen(),
			},
			actions,
		);
	});
}
