/** The fields for the parameters of one conversation, while their dialog is open. */
import { effect, type ReadonlySignal, type Signal, signal } from "@preact/signals-core";
import type { Parameters } from "../../ipc/bindings";
import { NEW } from "../../ipc/branch";
import { ParameterFields } from "./fields";

/** The shown conversation. */
export interface ParameterOwner {
	readonly shownId: ReadonlySignal<string>;
	/** Null until they are read. */
	readonly parameters: ReadonlySignal<Parameters | null>;
	/** Rejects if the core does. */
	setParameters(id: string, parameters: Parameters): Promise<void>;
}

export class ConversationParameters {
	/** Null while the dialog is closed. */
	readonly fields = signal<ParameterFields | null>(null);
	readonly #owner: ParameterOwner;
	/** By conversation: its parameters, independent of which one is shown, and its fields. */
	readonly #known = new Map<string, { saved: Signal<Parameters>; fields: ParameterFields }>();

	constructor(owner: ParameterOwner) {
		this.#owner = owner;
		let shownId = owner.shownId.value;
		effect(() => {
			const [id, parameters] = [owner.shownId.value, owner.parameters.value];
			if (id !== shownId) {
				this.fields.value = null;
				// Fields of a conversation that did not exist yet are not kept for the next one.
				this.#known.delete(NEW);
			}
			shownId = id;
			const known = this.#known.get(id);
			if (known !== undefined && parameters !== null) known.saved.value = parameters;
		});
	}

	/** Opens the dialog for the shown conversation. Invalid text is still in its field. */
	open(): void {
		const [id, parameters] = [this.#owner.shownId.value, this.#owner.parameters.value];
		if (parameters === null) return;
		let known = this.#known.get(id);
		if (known === undefined) {
			const saved = signal(parameters);
			const save = async (changed: Parameters) => {
				await this.#owner.setParameters(id, changed);
				saved.value = changed;
			};
			known = { saved, fields: new ParameterFields(saved, save) };
			this.#known.set(id, known);
		}
		this.fields.value = known.fields;
	}

	close(): void {
		this.fields.value = null;
	}
}
