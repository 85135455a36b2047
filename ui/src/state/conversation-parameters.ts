/** The fields in which the parameters of one conversation are set, while their dialog is open. */
import { effect, type Signal, signal } from "@preact/signals-core";
import type { Parameters } from "../ipc/host";
import type { Chat } from "./chat";
import { NEW } from "./drafts";
import { ParameterFields } from "./parameter-fields";

export class ConversationParameters {
	/** Null while the dialog is closed. */
	readonly fields = signal<ParameterFields | null>(null);
	readonly #chat: Chat;
	/** By conversation: what it has, apart from what is shown, and its fields. */
	readonly #known = new Map<string, { saved: Signal<Parameters>; fields: ParameterFields }>();

	constructor(chat: Chat) {
		this.#chat = chat;
		let shownId = chat.shownId.value;
		effect(() => {
			const [id, parameters] = [chat.shownId.value, chat.parameters.value];
			if (id !== shownId) {
				this.fields.value = null;
				// What belonged to a conversation that did not exist yet does not wait for the next one.
				this.#known.delete(NEW);
			}
			shownId = id;
			const known = this.#known.get(id);
			if (known !== undefined && parameters !== null) known.saved.value = parameters;
		});
	}

	/** Opens the dialog on the shown conversation. A text that said no value is still there. */
	open(): void {
		const [id, parameters] = [this.#chat.shownId.value, this.#chat.parameters.value];
		if (parameters === null) return;
		let known = this.#known.get(id);
		if (known === undefined) {
			const saved = signal(parameters);
			const save = async (changed: Parameters) => {
				await this.#chat.setParameters(id, changed);
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
