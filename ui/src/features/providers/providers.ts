/**
 * The providers, the presets for new ones, and the servers found on this machine. Which view the section shows
 * is here too, so that a form keeps its state while the settings are closed.
 */
import { batch, computed, signal } from "@preact/signals-core";
import type { FoundServer, Preset, ProviderForm, ProviderInfo } from "../../ipc/bindings";
import { messageOf } from "../../ipc/errors";
import type { Commands } from "../../ipc/host";
import { type EditorCommands, ProviderEditor } from "./editor";
import { hostOf, isLikelyKey, presetOfKey } from "./recognise";
import { DEFAULT_PARALLEL, sameAddress } from "./texts";

export type ProviderCommands = EditorCommands &
	Pick<Commands, "listPresets" | "listProviders" | "findLocalServers" | "deleteProvider">;

export class Providers {
	/** Null until they are read. */
	readonly list = signal<readonly ProviderInfo[] | null>(null);
	/** Why they could not be read. */
	readonly problem = signal<string | null>(null);
	readonly presets = signal<readonly Preset[]>([]);
	/** True while a preset is being chosen. */
	readonly choosing = signal(false);
	readonly presetQuery = signal("");
	/** The provider that is being added or edited. */
	readonly editor = signal<ProviderEditor | null>(null);
	/** Servers on this machine; null until the first scan. */
	readonly servers = signal<readonly FoundServer[] | null>(null);
	readonly scanning = signal(false);
	readonly scanProblem = signal<string | null>(null);
	/** The servers that are not providers yet. */
	readonly offered = computed(() => {
		const known = this.list.value ?? [];
		return (this.servers.value ?? []).filter(
			(server) => !known.some(({ baseUrl }) => sameAddress(baseUrl, server.baseUrl)),
		);
	});

	readonly #commands: ProviderCommands;

	constructor(commands: ProviderCommands) {
		this.#commands = commands;
	}

	async load(): Promise<void> {
		try {
			const [presets, list] = await Promise.all([
				this.presets.value.length > 0 ? this.presets.value : this.#commands.listPresets(),
				this.#commands.listProviders(),
			]);
			batch(() => {
				this.presets.value = presets;
				this.list.value = list;
				this.problem.value = null;
			});
		} catch (error) {
			this.problem.value = messageOf(error);
		}
	}

	/** Scans this machine for model servers. None is used before the user adds it. */
	async scan(): Promise<void> {
		if (this.scanning.value) return;
		this.scanning.value = true;
		this.scanProblem.value = null;
		try {
			this.servers.value = await this.#commands.findLocalServers();
		} catch (error) {
			this.scanProblem.value = messageOf(error);
		} finally {
			this.scanning.value = false;
		}
	}

	/** Adds a server that was found. Rejects if the core does. */
	async add(server: FoundServer): Promise<ProviderInfo> {
		const { preset, name, baseUrl } = server;
		const key: ProviderForm["key"] = { type: "keep" };
		const form = {
			id: null,
			preset,
			name,
			baseUrl,
			maxParallel: DEFAULT_PARALLEL,
			key,
			consent: null,
		};
		const saved = await this.#commands.saveProvider(form);
		await this.load();
		return saved;
	}

	/** Shows the presets for a new provider. */
	choosePreset(): void {
		batch(() => {
			this.editor.value = null;
			this.presetQuery.value = "";
			this.choosing.value = true;
		});
	}

	/** Searches the presets. Returns the provider of a pasted key, if that is certain. */
	search(text: string): Preset | null {
		this.presetQuery.value = text;
		return presetOfKey(this.presets.value, text);
	}

	/**
	 * Opens the editor for a new provider. A key in the place of a search goes with it. Returns the editor if nothing is
	 * left to fill in.
	 */
	create(preset: Preset): ProviderEditor | null {
		const typed = this.presetQuery.value.trim();
		const hasKey = isLikelyKey(typed) || presetOfKey([preset], typed) !== null;
		const editor = this.#open(preset, hasKey ? { key: typed } : {});
		return hasKey && preset.baseUrl !== "" ? editor : null;
	}

	/**
	 * Opens the editor for the server at an address in the place of a search. Returns the editor if nothing is left to
	 * fill in: the address of a service needs a key, too.
	 */
	createAt(preset: Preset, address: string): ProviderEditor | null {
		const name = preset.id === "custom" ? { name: hostOf(address) } : {};
		const editor = this.#open(preset, { ...name, baseUrl: address });
		return preset.needsKey ? null : editor;
	}

	#open(preset: Preset, pasted: Parameters<ProviderEditor["paste"]>[0]): ProviderEditor {
		const editor = new ProviderEditor(this.#commands, preset, null);
		batch(() => {
			this.presetQuery.value = "";
			this.choosing.value = false;
			this.editor.value = editor;
		});
		if (Object.keys(pasted).length > 0) editor.paste(pasted);
		return editor;
	}

	/** Opens the editor for an existing provider. */
	edit(provider: ProviderInfo): ProviderEditor {
		const preset = this.presets.value.find(({ id }) => id === provider.preset);
		const editor = new ProviderEditor(this.#commands, preset ?? presetOf(provider), provider);
		this.editor.value = editor;
		return editor;
	}

	/** Returns to the list, and discards the form with its key. */
	close(): void {
		batch(() => {
			this.choosing.value = false;
			this.editor.value = null;
		});
	}

	/** Deletes a provider and its key. Rejects if the core does. */
	async remove(id: string): Promise<void> {
		await this.#commands.deleteProvider(id);
		await this.load();
	}
}

/** Returns a substitute for the preset of a provider, if this version does not know it any more. */
function presetOf(provider: ProviderInfo): Preset {
	const { preset: id, name, protocol, baseUrl } = provider;
	return {
		id,
		name,
		protocol,
		baseUrl,
		needsKey: false,
		local: false,
		keyUrl: null,
		keyPrefixes: [],
		sharedKeyPrefixes: [],
	};
}
