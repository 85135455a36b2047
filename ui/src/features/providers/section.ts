/** The user's actions in the providers section of the settings. */
import { batch } from "@preact/signals-core";
import type { TemplateResult } from "lit-html";
import type { FoundServer, ProviderInfo } from "../../ipc/bindings";
import { messageOf } from "../../ipc/errors";
import { TITLE } from "../../shared/section";
import type { NewKeyPlace, ProviderEditor } from "./editor";
import { providerForm } from "./form";
import { type ProviderCommands, Providers } from "./providers";
import { presets, providers } from "./view";

/** What the section needs from the page. */
export interface SectionDeps {
	readonly commands: ProviderCommands;
	/** The element that the section is drawn in. */
	readonly root: HTMLElement;
	/** Focuses the first of these that exists, after the next render. */
	focus(...selectors: string[]): void;
	/** Called when a provider is saved: shows the note, and rereads the models. */
	saved(): void;
	fail(message: string): void;
	/** Asks whether to remove a provider. */
	askToRemove(provider: ProviderInfo): void;
	copy(text: string): void;
}

export class ProvidersSection {
	readonly #state: Providers;
	readonly #deps: SectionDeps;

	constructor(deps: SectionDeps) {
		this.#deps = deps;
		this.#state = new Providers(deps.commands);
	}

	/** Rereads the providers. */
	load(): void {
		void this.#state.load();
	}

	/** Called when the section is shown. */
	show(): void {
		this.load();
		void this.#state.scan();
	}

	/** Shows the presets for a new provider. */
	choosePreset(): void {
		this.#deps.focus("#preset-search");
		this.#state.choosePreset();
	}

	/** Deletes a provider, after the user has confirmed. */
	async remove(id: string): Promise<void> {
		this.#deps.focus(TITLE);
		await this.#try(() => this.#state.remove(id));
	}

	view(): TemplateResult {
		const editor = this.#state.editor.value;
		if (editor !== null) return this.#formView(editor);
		return this.#state.choosing.value ? this.#presetsView() : this.#listView();
	}

	#formView(editor: ProviderEditor): TemplateResult {
		const { known } = editor;
		return providerForm(editor, {
			save: (place) => void this.#save(editor, place),
			test: () => {
				void editor.test();
				this.#showFault();
			},
			cancel: () => this.#back(known === null ? "#add-provider" : editButton(known.id)),
			copy: this.#deps.copy,
		});
	}

	#presetsView(): TemplateResult {
		const state = this.#state;
		return presets(state.presets.value, state.presetQuery.value, state.problem.value, {
			load: () => this.load(),
			search: (text) => {
				if (state.search(text)) this.#deps.focus(TITLE);
			},
			choose: (preset) => {
				this.#deps.focus(TITLE);
				state.create(preset);
			},
			cancel: () => this.#back("#add-provider"),
		});
	}

	#listView(): TemplateResult {
		const state = this.#state;
		return providers(
			{
				list: state.list.value,
				problem: state.problem.value,
				offered: state.offered.value,
				scanning: state.scanning.value,
				scanProblem: state.scanProblem.value,
			},
			{
				load: () => this.load(),
				add: () => this.choosePreset(),
				edit: (provider) => {
					this.#deps.focus(TITLE);
					state.edit(provider);
				},
				remove: this.#deps.askToRemove,
				scan: () => void state.scan(),
				addServer: (server) => void this.#addServer(server),
			},
		);
	}

	async #save(editor: ProviderEditor, place: NewKeyPlace): Promise<void> {
		const saved = await editor.save(place);
		if (saved === null) {
			this.#showFault();
			return;
		}
		await this.#state.load();
		this.#saved(saved.id);
	}

	/** Focuses the first invalid field, and scrolls to the error of the save, if any. */
	#showFault(): void {
		const form = this.#deps.root.querySelector("#provider-form");
		form?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
		form?.querySelector("#keychain-problem, #save-problem")?.scrollIntoView({ block: "nearest" });
	}

	async #addServer(server: FoundServer): Promise<void> {
		await this.#try(async () => this.#saved((await this.#state.add(server)).id));
	}

	/** Returns to the list, and focuses the saved provider. */
	#saved(id: string): void {
		batch(() => {
			this.#deps.saved();
			this.#back(editButton(id));
		});
	}

	#back(focus: string): void {
		this.#deps.focus(focus, TITLE);
		this.#state.close();
	}

	async #try(action: () => Promise<void>): Promise<void> {
		try {
			await action();
		} catch (error) {
			this.#deps.fail(messageOf(error));
		}
	}
}

function editButton(id: string): string {
	return `[data-provider-id="${CSS.escape(id)}"] .edit`;
}
