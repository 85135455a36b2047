/** The user's actions in the providers section of the settings. */
import { batch, type ReadonlySignal, signal } from "@preact/signals-core";
import type { TemplateResult } from "lit-html";
import type { FoundServer, ModelInfo, Preset, ProviderInfo } from "../../ipc/bindings";
import { messageOf } from "../../ipc/errors";
import { TITLE } from "../../shared/section";
import type { NewKeyPlace, ProviderEditor } from "./editor";
import { FirstModel, firstModel } from "./first-model";
import { providerForm } from "./form";
import { type ProviderCommands, Providers } from "./providers";
import type { Remedy } from "./texts";
import { presets, providers } from "./view";

/** What the section needs from the page. */
export interface SectionDeps {
	readonly commands: ProviderCommands;
	/** The element that the section is drawn in. */
	readonly root: HTMLElement;
	/** Focuses the first of these that exists, after the next render. */
	focus(...selectors: string[]): void;
	/** Called when a provider is saved: shows the note. */
	saved(): void;
	readonly models: ReadonlySignal<readonly ModelInfo[]>;
	/** Lists the models, which also shows whether each provider answers. */
	readModels(refresh: boolean): Promise<void>;
	/** Returns whether they are being listed. */
	isReading(): boolean;
	/** Saves the model of new chats, or shows why not. */
	chooseDefault(modelId: string): Promise<void>;
	/** Called when a provider was added and its model is chosen. */
	added(): void;
	fail(message: string): void;
	/** Asks whether to remove a provider. */
	askToRemove(provider: ProviderInfo): void;
	copy(text: string): void;
	/** Opens an address in the system's browser, or shows why not. */
	open(address: string): void;
}

export class ProvidersSection {
	readonly #state: Providers;
	readonly #deps: SectionDeps;
	/** The question after a provider was added. */
	readonly #firstModel = signal<FirstModel | null>(null);

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
		void this.#check(false);
		void this.#state.scan();
	}

	/** Lists the models, and rereads the providers, whose last errors that may change. */
	async #check(refresh: boolean): Promise<void> {
		this.load();
		await this.#deps.readModels(refresh);
		this.load();
	}

	/** Shows the presets for a new provider. */
	choosePreset(): void {
		this.#deps.focus("#preset-search");
		this.#firstModel.value = null;
		this.#state.choosePreset();
	}

	/** Deletes a provider, after the user has confirmed. */
	async remove(id: string): Promise<void> {
		this.#deps.focus(TITLE);
		await this.#try(() => this.#state.remove(id));
	}

	view(): TemplateResult {
		const first = this.#firstModel.value;
		if (first !== null) return this.#firstModelView(first);
		const editor = this.#state.editor.value;
		if (editor !== null) return this.#formView(editor);
		return this.#state.choosing.value ? this.#presetsView() : this.#listView();
	}

	#formView(editor: ProviderEditor): TemplateResult {
		const { known } = editor;
		return providerForm(editor, {
			save: (place) => void this.#save(editor, place),
			test: () => void this.#test(editor),
			allow: () => {
				editor.allow();
				void this.#connect(editor);
			},
			cancel: () => this.#back(known === null ? "#add-provider" : editButton(known.id)),
			copy: this.#deps.copy,
			open: this.#deps.open,
		});
	}

	#firstModelView(state: FirstModel): TemplateResult {
		const done = () => {
			this.#deps.focus(editButton(state.provider.id), TITLE);
			this.#firstModel.value = null;
			this.#deps.added();
		};
		return firstModel(state, {
			choose: (id) => void this.#deps.chooseDefault(id).then(done),
			skip: done,
		});
	}

	#presetsView(): TemplateResult {
		const state = this.#state;
		return presets(state.presets.value, state.presetQuery.value, state.problem.value, {
			load: () => this.load(),
			search: (text) => {
				const preset = state.search(text);
				if (preset !== null) this.#create(preset);
			},
			choose: (preset) => this.#create(preset),
			connect: (preset, address) => {
				this.#deps.focus(preset.needsKey ? "#provider-key" : TITLE);
				const complete = state.createAt(preset, address);
				if (complete !== null) void this.#connect(complete);
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
				checking: this.#deps.isReading(),
			},
			{
				load: () => this.load(),
				add: () => this.choosePreset(),
				edit: (provider) => {
					this.#deps.focus(TITLE);
					state.edit(provider);
				},
				remove: this.#deps.askToRemove,
				remedy: (provider, remedy) => this.#remedy(provider, remedy),
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
		await this.#saved(saved, editor.known === null);
	}

	#create(preset: Preset): void {
		this.#deps.focus(TITLE);
		const complete = this.#state.create(preset);
		if (complete !== null) void this.#connect(complete);
	}

	/** Tests the connection as the form describes it. The focus stays on the button. */
	async #test(editor: ProviderEditor): Promise<void> {
		const tested = editor.test();
		this.#showFault();
		await tested;
		if (this.#state.editor.value === editor) this.#showResult();
	}

	/** Tests the connection, and saves what was pasted if it works. Otherwise everything stays in the form. */
	async #connect(editor: ProviderEditor): Promise<void> {
		await editor.test();
		if (this.#state.editor.value !== editor) return;
		if (editor.isPasted.value && editor.tested.value?.worked) {
			await this.#save(editor, "keychain");
		} else if (editor.tested.value !== null) {
			this.#showOutcome(editor.tested.value.worked);
		}
	}

	/** Does something about the last error of a provider. */
	#remedy(provider: ProviderInfo, remedy: Remedy): void {
		if (remedy === "tryAgain") {
			if (!this.#deps.isReading()) void this.#check(true);
			return;
		}
		const fields: Record<Exclude<Remedy, "tryAgain">, string> = {
			changeKey: "#provider-key",
			editAddress: "#provider-address",
			review: TITLE,
		};
		this.#deps.focus(fields[remedy], TITLE);
		const editor = this.#state.edit(provider);
		if (remedy === "changeKey") editor.chooseKey("set");
		if (remedy === "review") void this.#connect(editor);
	}

	/** Focuses the question that a test led to, the fields that it was about, or what is left to do. */
	#showOutcome(worked: boolean): void {
		const form = this.#deps.root.querySelector("#provider-form");
		const fields = "#provider-key, #provider-address, #test-connection";
		const target =
			form?.querySelector<HTMLElement>("#consent-question") ??
			form?.querySelector<HTMLElement>(worked ? "#save-provider" : fields);
		target?.focus();
		this.#showResult();
	}

	/** Scrolls to what a test led to: in a low window it is below the fields. */
	#showResult(): void {
		const form = this.#deps.root.querySelector("#provider-form");
		const result = form?.querySelector("#consent-question") ?? form?.querySelector("#test-result");
		result?.scrollIntoView({ block: "nearest" });
	}

	/** Focuses the first invalid field, and scrolls to the error of the save, if any. */
	#showFault(): void {
		const form = this.#deps.root.querySelector("#provider-form");
		form?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
		form?.querySelector("#keychain-problem, #save-problem")?.scrollIntoView({ block: "nearest" });
	}

	async #addServer(server: FoundServer): Promise<void> {
		await this.#try(async () => this.#saved(await this.#state.add(server), true));
	}

	/** Asks which model of a new provider answers new chats, or returns to the list. */
	async #saved(provider: ProviderInfo, isNew: boolean): Promise<void> {
		this.#deps.saved();
		if (isNew) {
			await this.#deps.readModels(false);
			const first = new FirstModel(provider, this.#deps.models);
			if (first.models.value.length > 0) {
				batch(() => {
					this.#deps.focus("#model-search");
					this.#state.close();
					this.#firstModel.value = first;
				});
				return;
			}
		}
		this.#back(editButton(provider.id));
		await this.#check(false);
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
