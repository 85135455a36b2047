/**
 * Shows the settings instead of the conversation, which keeps its draft, scroll position and streaming behind
 * them, hidden and inert.
 */
import { batch, signal } from "@preact/signals-core";
import { html, nothing, type TemplateResult } from "lit-html";
import type { Settings } from "../../ipc/bindings";
import { mountView } from "../../shared/dom";
import { TITLE } from "../../shared/section";
import type { Models } from "../models/models";
import type { ModelPicker } from "../models/picker";
import type { ProviderCommands } from "../providers/providers";
import { ProvidersSection } from "../providers/section";
import { type SettingsCommands, UserSettings } from "./settings";
import { FIRST_MODEL, type Section, settings } from "./view";

/** What the settings need from the rest of the page. */
export interface SettingsDeps {
	readonly commands: SettingsCommands & ProviderCommands;
	readonly elements: SettingsElements;
	readonly models: Models;
	readonly picker: ModelPicker;
	/** Asks whether to remove a provider. */
	askToRemove(provider: { readonly id: string; readonly name: string }): void;
	copy(text: string): void;
	/** Opens an address in the system's browser, or shows why not. */
	open(address: string): void;
	fail(message: string): void;
	/** Focuses the element that had the focus before, or what is best in its place. */
	returnFocus(back: Element | null): void;
}

export interface SettingsElements {
	/** Contains the conversation and the settings. */
	readonly main: HTMLElement;
	readonly conversation: HTMLElement;
	readonly settings: HTMLElement;
}

export class SettingsPage {
	readonly isOpen = signal(false);
	readonly settings: UserSettings;
	readonly providers: ProvidersSection;
	readonly #section = signal<Section>("providers");
	readonly #deps: SettingsDeps;
	/** Element that had the focus before. */
	#back: Element | null = null;
	/** Selectors of what to focus after the next render, best first. */
	#focus: readonly string[] = [];
	/** They were opened from the conversation to add a provider, and lead back there. */
	#isDetour = false;

	constructor(deps: SettingsDeps) {
		this.#deps = deps;
		this.settings = new UserSettings(deps.commands);
		this.providers = new ProvidersSection({
			commands: deps.commands,
			root: deps.elements.settings,
			focus: (...selectors) => {
				this.#focus = selectors;
			},
			saved: () => this.settings.saved(),
			models: deps.models.list,
			readModels: (refresh) => deps.models.read(refresh),
			isReading: () => deps.models.reading.value > 0,
			chooseDefault: async (modelId) => {
				await this.settings.choose("defaultModelId", modelId);
				const problem = this.settings.problems.value.get("defaultModelId");
				if (problem !== undefined) deps.fail(problem);
			},
			added: () => {
				if (this.#isDetour) this.close();
			},
			fail: deps.fail,
			askToRemove: deps.askToRemove,
			copy: deps.copy,
			open: deps.open,
		});
	}

	/** Shows the settings, at the last section or at a given one. */
	open(section: Section = this.#section.value): void {
		if (!this.isOpen.value) this.#back = document.activeElement;
		batch(() => {
			this.show(section);
			this.#focus = ["#settings-title"];
			this.isOpen.value = true;
		});
	}

	/** Shows the presets for a new provider. */
	addProvider(): void {
		const isDetour = !this.isOpen.value;
		batch(() => {
			this.open("providers");
			this.providers.choosePreset();
		});
		this.#isDetour = isDetour;
	}

	/** Returns to the conversation, and the focus to where it was. */
	close(): void {
		if (!this.isOpen.value) return;
		this.leave();
		this.#deps.returnFocus(this.#back);
	}

	/** Returns to the conversation; the caller moves the focus. */
	leave(): void {
		this.flush();
		this.#isDetour = false;
		this.isOpen.value = false;
	}

	/** Saves what was typed and is not saved yet. */
	flush(): void {
		void this.settings.parameterFields.leaveAll();
	}

	show(section: Section): void {
		this.flush();
		if (section !== this.#section.value) this.#focus = [TITLE];
		this.#section.value = section;
		this.#deps.elements.settings.querySelector(".settings-body")?.scrollTo(0, 0);
		if (this.settings.current.value === null) void this.settings.load();
		if (section === "providers") this.providers.show();
		if (section === "answers") void this.settings.readModelFile();
	}

	/** Applies the settings that this or another window has saved. */
	settingsChanged(changed: Settings): void {
		const before = this.settings.current.value;
		this.settings.settingsChanged(changed);
		const modelFile = changed.modelFile ?? null;
		const isOther = modelFile !== (before?.modelFile ?? null);
		if (isOther && this.isOpen.value) void this.settings.readModelFile();
		// The list says which model is the default, and describes the built-in one.
		if (isOther || changed.defaultModelId !== before?.defaultModelId) void this.#deps.models.read();
	}

	/** Called when providers were added, changed or removed, here or in another window. */
	modelsChanged(): void {
		// The rows show which provider did not answer.
		void this.#deps.models.read().then(() => {
			if (this.isOpen.value) this.providers.load();
		});
	}

	/** Renders the settings whenever they are open. */
	mount(): void {
		mountView(
			this.#deps.elements.settings,
			() => {
				const isOpen = this.isOpen.value;
				// Before anything in it is rendered, because a hidden element cannot take the focus.
				this.#deps.elements.main.toggleAttribute("data-settings", isOpen);
				this.#deps.elements.conversation.inert = isOpen;
				this.#deps.elements.settings.hidden = !isOpen;
				return isOpen ? this.#view() : html`${nothing}`;
			},
			() => this.#giveFocus(),
		);
	}

	#view(): TemplateResult {
		const user = this.settings;
		return settings(
			{
				section: this.#section.value,
				settings: user.current.value,
				problem: user.problem.value,
				problems: user.problems.value,
				note: user.note.value,
				modelFile: user.modelFile.value,
				parameterFields: user.parameterFields,
				models: this.#deps.models.list.value,
				pickerOpen: this.#deps.picker.request.value !== null,
				providers: () => this.providers.view(),
			},
			{
				close: () => this.close(),
				show: (section) => this.show(section),
				load: () => void user.load(),
				pickDefault: (anchor) =>
					this.#deps.picker.open({
						anchor,
						chosen: user.current.value?.defaultModelId ?? null,
						none: FIRST_MODEL,
						choose: (id) => void user.choose("defaultModelId", id),
					}),
				notify: (on) => void user.choose("notifications", on),
				closeBy: (way) => void user.choose("onClose", way),
				chooseModelFile: (path) => void this.#chooseModelFile(path),
				choose: (appearance) => void user.choose("appearance", appearance),
				zoom: (percent) => void user.choose("zoom", percent),
				sendBy: (key) => void user.choose("sendKey", key),
				sendWhileBusy: (policy) => void user.choose("sendPolicy", policy),
			},
		);
	}

	async #chooseModelFile(path: string | null): Promise<void> {
		await this.settings.choose("modelFile", path);
		await Promise.all([this.settings.readModelFile(), this.#deps.models.read()]);
	}

	#giveFocus(): void {
		if (!this.isOpen.value) return;
		for (const selector of this.#focus) {
			const element = this.#deps.elements.settings.querySelector<HTMLElement>(selector);
			if (element === null) continue;
			this.#focus = [];
			element.focus();
			return;
		}
	}
}
