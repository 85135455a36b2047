/** The user's settings, as the core stores them. Every change is saved separately and immediately. */
import { batch, computed, signal } from "@preact/signals-core";
import type { ModelFileInfo, Settings } from "../../ipc/bindings";
import { messageOf } from "../../ipc/errors";
import type { Commands } from "../../ipc/host";
import { ParameterFields } from "../parameters/fields";
import { NO_PARAMETERS } from "../parameters/parameters";
import { type Step, UNZOOMED, zoomAfter } from "./zoom";

/** The settings that are saved as soon as they are chosen. */
export type Choice =
	| "defaultModelId"
	| "notifications"
	| "appearance"
	| "zoom"
	| "sendKey"
	| "sendPolicy"
	| "onClose"
	| "modelFile";

/** How long the note after a save stays, in ms. */
const NOTE_LIFETIME = 3000;

export type SettingsCommands = Pick<Commands, "getSettings" | "saveSettings" | "getModelFile">;

export class UserSettings {
	/** Null until they are read. */
	readonly current = signal<Settings | null>(null);
	/** Why they could not be read. */
	readonly problem = signal<string | null>(null);
	/** Why a choice could not be saved, by its name. */
	readonly problems = signal<ReadonlyMap<Choice, string>>(new Map());
	/** The unobtrusive note after a save; empty most of the time. */
	readonly note = signal("");
	/** The built-in model's file; null until it is read. */
	readonly modelFile = signal<ModelFileInfo | null>(null);
	/** The default parameters of all conversations. */
	readonly parameters = computed(() => this.current.value?.parameters ?? NO_PARAMETERS);
	/** What a send does while an answer is being written, by default. */
	readonly policy = computed(() => this.current.value?.sendPolicy ?? "reject");
	readonly parameterFields = new ParameterFields(this.parameters, (parameters) =>
		this.#save({ parameters }),
	);
	#last: Promise<unknown> = Promise.resolve();
	#timer: ReturnType<typeof setTimeout> | undefined;
	readonly #commands: SettingsCommands;

	constructor(commands: SettingsCommands) {
		this.#commands = commands;
	}

	async load(): Promise<void> {
		try {
			const settings = await this.#commands.getSettings();
			batch(() => {
				this.current.value = settings;
				this.problem.value = null;
			});
		} catch (error) {
			this.problem.value = messageOf(error);
		}
	}

	/** Reads what the built-in model's file is. Without it, its row has only the path. */
	async readModelFile(): Promise<void> {
		this.modelFile.value = await this.#commands.getModelFile().catch(() => null);
	}

	/** Saves a choice, or shows why not next to it; the previous choice then still applies. */
	async choose<Name extends Choice>(name: Name, value: Settings[Name]): Promise<void> {
		const problems = new Map(this.problems.value);
		problems.delete(name);
		try {
			await this.#save({ [name]: value });
		} catch (error) {
			problems.set(name, messageOf(error));
		}
		this.problems.value = problems;
	}

	/** Zooms in or out by one step, or resets the zoom with 0. Resolves to the percentage. */
	async zoomBy(step: Step): Promise<number> {
		let zoom = UNZOOMED;
		await this.#save((current) => {
			zoom = zoomAfter(current.zoom, step);
			return { zoom };
		});
		return zoom;
	}

	/** Applies the settings that this or another window has saved. */
	settingsChanged(settings: Settings): void {
		this.current.value = settings;
	}

	/** Shows the note after a save. */
	saved(): void {
		clearTimeout(this.#timer);
		this.note.value = "Saved";
		this.#timer = setTimeout(() => {
			this.note.value = "";
		}, NOTE_LIFETIME);
	}

	/** Saves sequentially, because the core replaces all settings together. */
	async #save(
		change: Partial<Settings> | ((current: Settings) => Partial<Settings>),
	): Promise<void> {
		const save = async () => {
			// Settings that could not be read must not be replaced by defaults.
			const current = this.current.value ?? (await this.#commands.getSettings());
			const changed = typeof change === "function" ? change(current) : change;
			this.current.value = await this.#commands.saveSettings({ ...current, ...changed });
			this.saved();
		};
		const done = this.#last.then(save, save);
		this.#last = done.catch(() => {});
		await done;
	}
}
