/** State of the model picker, a list in a popover. */
import { batch, computed, type ReadonlySignal, signal } from "@preact/signals-core";
import type { ModelInfo } from "../../ipc/bindings";
import { findModels, type ModelGroup, typedModels } from "./search";

/** Maximum number of models shown: the rest is found by typing. */
const MAX_MODELS = 100;

/** What is to be picked. */
export interface Choice {
	readonly chosen: string | null;
	/** Label for the choice of no model; null if one is required. */
	readonly none: string | null;
}

/** A request to pick a model from the popover. */
export interface PickerRequest extends Choice {
	/** The button under which the list opens. */
	readonly anchor: HTMLElement;
	choose(id: string | null): void;
}

/** A row that can be chosen; null is the choice of no model. */
export type PickerOption = ModelInfo | null;

export class ModelPicker<Request extends Choice = PickerRequest> {
	/** Null while the list is closed. */
	readonly request = signal<Request | null>(null);
	readonly query = signal("");
	/** The row that Enter chooses, by its model's id. */
	readonly #active = signal<string | null | undefined>(undefined);
	readonly groups = computed(() => {
		const [models, query] = [this.#models.value, this.query.value];
		const found = findModels(models, query, MAX_MODELS, this.request.value?.chosen);
		return withTyped(found, typedModels(models, query, found.length > 0));
	});
	/** All rows, in order. */
	readonly options = computed((): readonly PickerOption[] => {
		const models = this.groups.value.flatMap((group) => group.models);
		const offersNone = this.request.value?.none != null && this.query.value.trim() === "";
		return offersNone ? [null, ...models] : models;
	});
	/** Index of the active row in the options; -1 if there is none. */
	readonly active = computed(() => {
		const options = this.options.value;
		const wanted = this.#active.value;
		const at = options.findIndex((option) => wanted !== undefined && idOf(option) === wanted);
		return at >= 0 ? at : options.findIndex(isAvailable);
	});
	readonly #models: ReadonlySignal<readonly ModelInfo[]>;

	constructor(models: ReadonlySignal<readonly ModelInfo[]>) {
		this.#models = models;
	}

	open(request: Request): void {
		batch(() => {
			this.request.value = request;
			this.query.value = "";
			this.#active.value = request.chosen;
		});
	}

	close(): void {
		this.request.value = null;
	}

	search(text: string): void {
		batch(() => {
			this.query.value = text;
			this.#active.value = undefined;
		});
	}

	/** Moves the active row, and stops at the ends. */
	move(step: number): void {
		const last = this.options.value.length - 1;
		const to = Math.min(Math.max(this.active.value + step, 0), last);
		const option = this.options.value[to];
		if (option !== undefined) this.#active.value = idOf(option);
	}
}

/** Appends what was typed to its provider's models: each provider is one group. */
function withTyped(found: readonly ModelGroup[], typed: readonly ModelGroup[]): ModelGroup[] {
	const own = (group: ModelGroup) => typed.filter((one) => one.providerId === group.providerId);
	const extended = found.map((group) => ({
		...group,
		models: [...group.models, ...own(group).flatMap(({ models }) => models)],
	}));
	const isFound = (one: ModelGroup) => found.some((group) => group.providerId === one.providerId);
	return [...extended, ...typed.filter((one) => !isFound(one))];
}

/** Returns whether an option can be chosen. An unavailable provider is listed so that its reason is read. */
export function isAvailable(option: PickerOption): boolean {
	return option === null || option.available;
}

function idOf(option: PickerOption): string | null {
	return option?.id ?? null;
}
