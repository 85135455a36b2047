/** Draws the dialog that is open, at most one: a preview, the parameters, the shortcuts, or a question. */
import { type ReadonlySignal, signal } from "@preact/signals-core";
import type { nothing, TemplateResult } from "lit-html";
import type { ModelInfo, Parameters, SendKey } from "../../ipc/bindings";
import { hasNoFocus, mountView } from "../../shared/dom";
import type { Preview } from "../attachments/preview";
import { preview } from "../attachments/view";
import type { ConversationParameters } from "../parameters/conversation-parameters";
import { parametersDialog } from "../parameters/view";
import { shortcutsDialog } from "../shortcuts/view";
import { dialogs, type Question } from "./view";

export interface DialogsDeps {
	readonly preview: Preview;
	readonly parameters: ConversationParameters;
	/** The parameters that apply where a conversation sets none. */
	readonly defaultParameters: ReadonlySignal<Parameters>;
	/** The model of the shown conversation, unless it is unknown. */
	readonly model: ReadonlySignal<ModelInfo | undefined>;
	readonly sendKey: ReadonlySignal<SendKey>;
	/** What else can be set for the shown conversation. */
	conversationFields(): TemplateResult | typeof nothing;
	rename(id: string, title: string): void;
	renameBranch(id: string, name: string): void;
	deleteBranch(id: string): void;
	removeProvider(id: string): void;
	/** Moves the focus to what receives keystrokes. */
	takeFocus(): void;
}

export class Dialogs {
	readonly #deps: DialogsDeps;
	readonly #question = signal<Question | null>(null);
	readonly #areShortcutsOpen = signal(false);

	constructor(deps: DialogsDeps) {
		this.#deps = deps;
	}

	ask(question: Question): void {
		this.#question.value = question;
	}

	openShortcuts(): void {
		this.#areShortcutsOpen.value = true;
	}

	mount(root: HTMLElement): void {
		mountView(
			root,
			() => this.#view(),
			// The platform restores the focus, but its element may be gone, or cannot take it any more.
			() =>
				queueMicrotask(() => {
					if (hasNoFocus()) this.#deps.takeFocus();
				}),
		);
	}

	#view() {
		const { preview: looked, parameters, defaultParameters, model, sendKey } = this.#deps;
		const file = looked.shown.value;
		if (file !== null) return preview(file, () => looked.close());
		const fields = parameters.fields.value;
		if (fields !== null) {
			const close = () => parameters.close();
			const more = this.#deps.conversationFields();
			return parametersDialog(fields, defaultParameters.value, model.value, more, close);
		}
		if (this.#areShortcutsOpen.value) {
			return shortcutsDialog(sendKey.value, () => {
				this.#areShortcutsOpen.value = false;
			});
		}
		return dialogs(this.#question.value, {
			rename: this.#deps.rename,
			renameBranch: this.#deps.renameBranch,
			deleteBranch: this.#deps.deleteBranch,
			removeProvider: this.#deps.removeProvider,
			close: () => {
				this.#question.value = null;
			},
		});
	}
}
