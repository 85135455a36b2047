/** The fields for the parameters of one conversation, while their dialog is open. */
import { effect, type Signal, signal } from "@preact/signals-core";
import type { Parameters } from "../../ipc/host";
import type { Chat } from "../chat/chat";
import { NEW } from "../chat/composer/drafts";
import { ParameterFields } from "./fields";

export class ConversationParameters {
	/** Null while the dialog is closed. */
	readonly fields = signal<ParameterFields | null>(null);
	readonly #chat: Chat;
	/** By conversation: its parameters, independent of which one is shown, and its fields. */
	readonly #known = new Map<string, { saved: Signal<Parameters>; fields: ParameterFields }>();

	constructor(chat: Chat) {
		this.#chat = chat;
		let shownId = chat.shownId.value;
		effect(() => {
			const [id, parameters] = [chat.shownId.value, chat.parameters.value];
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
