/** Providers and models as the core describes them. */
import type { ModelInfo, Preset, ProviderInfo } from "../src/ipc/bindings";

export const PRESET: Preset = {
	id: "openai",
	name: "OpenAI",
	protocol: "open_ai",
	baseUrl: "https://api.openai.com/v1",
	needsKey: true,
	local: false,
	keyUrl: null,
	keyPrefixes: ["sk-proj-"],
	sharedKeyPrefixes: ["sk-"],
};

export const OPENAI: ProviderInfo = {
	id: "openai",
	name: "OpenAI",
	preset: "openai",
	protocol: "open_ai",
	baseUrl: PRESET.baseUrl,
	source: "settings",
	hasKey: true,
	keyLastFour: "ab12",
	keyPlace: "keychain",
	maxParallel: 4,
	consent: null,
	lastError: null,
};

/** Returns a model of which nothing is known but its provider and what is given. */
export function modelOf(
	providerId: string,
	provider: string,
	name: string,
	changes: Partial<ModelInfo> = {},
): ModelInfo {
	return {
		id: `${providerId}/${name}`,
		name,
		providerId,
		provider,
		embedded: false,
		isDefault: false,
		note: null,
		available: true,
		contextTokens: null,
		sees: null,
		maxOutputTokens: null,
		tools: null,
		efforts: null,
		sampling: null,
		refused: [],
		price: null,
		endsAt: null,
		cloud: false,
		...changes,
	};
}
