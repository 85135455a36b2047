/**
 * The providers, what they can be made from, and the servers found on this machine. Which of its
 * places the section shows is here too, so that a form stays as it is while the settings are closed.
 */
import { batch, computed, signal } from "@preact/signals-core";
import {
	commands,
	type FoundServer,
	messageOf,
	type Preset,
	type ProviderForm,
	type ProviderInfo,
} from "../ipc/host";
import { ProviderEditor } from "./provider-editor";
import { DEFAULT_PARALLEL, sameAddress } from "./provider-texts";

export class Providers {
	/** Null until they are read. */
	readonly list = signal<readonly ProviderInfo[] | null>(null);
	/** Why they could not be read. */
	readonly problem = signal<string | null>(null);
	readonly presets = signal<readonly Preset[]>([]);
	/** True while a preset is being chosen. */
	readonly choosing = signal(false);
	readonly presetQuery = signal("");
	/** The provider that is being added or changed. */
	readonly editor = signal<ProviderEditor | null>(null);
	/** Servers on this machine; null until they were looked for. */
	readonly servers = signal<readonly FoundServer[] | null>(null);
	readonly scanning = signal(false);
	readonly scanProblem = signal<string | null>(null);
	/** Those of the servers that are not providers yet. */
	readonly offered = computed(() => {
		const known = this.list.value ?? [];
		return (this.servers.value ?? []).filter(
			(server) => !known.some(({ baseUrl }) => sameAddress(baseUrl, server.baseUrl)),
		);
	});

	async load(): Promise<void> {
		try {
			const [presets, list] = await Promise.all([
				this.presets.value.length > 0 ? this.presets.value : commands.listPresets(),
				commands.listProviders(),
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

	/** Looks for servers on this machine. None of them is used before the user adds it. */
	async scan(): Promise<void> {
		if (this.scanning.value) return;
		this.scanning.value = true;
		this.scanProblem.value = null;
		try {
			this.servers.value = await commands.findLocalServers();
		} catch (error) {
			this.scanProblem.value = messageOf(error);
		} finally {
			this.scanning.value = false;
		}
	}

	/** Adds a server that was found. Rejects where the core does not take it. */
	async add(server: FoundServer): Promise<ProviderInfo> {
		const { preset, name, baseUrl } = server;
		const key: ProviderForm["key"] = { type: "keep" };
		const form = { id: null, preset, name, baseUrl, maxParallel: DEFAULT_PARALLEL, key };
		const saved = await commands.saveProvider(form);
		await this.load();
		return saved;
	}

	/** Shows what a provider can be made from. */
	choosePreset(): void {
		batch(() => {
			this.editor.value = null;
			this.presetQuery.value = "";
			this.choosing.value = true;
		});
	}

	/** Begins a new provider. */
	create(preset: Preset): void {
		batch(() => {
			this.choosing.value = false;
			this.editor.value = new ProviderEditor(preset, null);
		});
	}

	/** Begins to change a provider. */
	edit(provider: ProviderInfo): void {
		const preset = this.presets.value.find(({ id }) => id === provider.preset);
		this.editor.value = new ProviderEditor(preset ?? presetOf(provider), provider);
	}

	/** Back to the list; what was typed into a form is gone, the key with it. */
	close(): void {
		batch(() => {
			this.choosing.value = false;
			this.editor.value = null;
		});
	}

	/** Forgets a provider and its key. Rejects where it cannot. */
	async remove(id: string): Promise<void> {
		await commands.deleteProvider(id);
		await this.load();
	}
}

/** What a provider was made from, where this version does not know its preset any more. */
function presetOf(provider: ProviderInfo): Preset {
	const { preset: id, name, protocol, baseUrl } = provider;
	return { id, name, protocol, baseUrl, needsKey: false, local: false, keyUrl: null };
}
