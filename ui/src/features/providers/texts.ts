/** Texts about providers, and validation of their fields. Pure. */
import type { ConnectionTest, Preset, ProviderInfo } from "../../ipc/bindings";
import { count } from "../../shared/format";
import { type ParseResult, parseWhole } from "../../shared/parse";

/** Default limit of concurrent answers of a provider. */
export const DEFAULT_PARALLEL = 4;

const MAX_PARALLEL = 64;

/** Returns whether a provider has a key and where it is stored; empty if it needs none. */
export function keyState(provider: ProviderInfo): string {
	if (!provider.hasKey) return provider.source === "built_in" ? "" : "No API key";
	const key = keyName(provider);
	switch (provider.keyPlace) {
		case "keychain":
			return `${key} in the keychain`;
		case "file":
			return `${key} in a file that only you can read`;
		case "session":
			return `${key}, not saved`;
		case "environment":
			return `${key} from an environment variable`;
		case null:
			return key;
	}
}

/** Returns the display name of a key, with its last four characters. */
export function keyName({ keyLastFour }: Pick<ProviderInfo, "keyLastFour">): string {
	return keyLastFour === null ? "API key" : `API key …${keyLastFour}`;
}

/** Returns where a provider comes from, and the state of its key. */
export function providerState(provider: ProviderInfo): string {
	const isAllOutside = provider.source === "environment" && provider.keyPlace === "environment";
	const key = isAllOutside ? keyName(provider) : keyState(provider);
	return [SOURCES[provider.source], key, consentState(provider)].filter(Boolean).join(" · ");
}

const SOURCES: Record<ProviderInfo["source"], string> = {
	settings: "Added by you",
	environment: "From an environment variable",
	built_in: "Built in",
};

/** Returns the exact result of a connection test. */
export function testResult(test: ConnectionTest): string {
	const { models, foundAt, keyUntried, problem, question } = test;
	// The question says the rest.
	if (question !== null) return "Not connected: this needs your consent";
	if (problem !== null) return problem.message;
	const found = foundAt === null ? "" : `Found at ${foundAt}. `;
	if (models === null || models === 0) return `${found}Connected, but the server lists no models`;
	const connected = `${found}Connected: ${count(models, "model")}`;
	return keyUntried
		? `${connected}. The server lists its models without a key, so the key is not verified yet`
		: connected;
}

/** Returns whether two URLs are the same server, however they are written. */
export function sameAddress(one: string, other: string): boolean {
	return plainAddress(one) === plainAddress(other);
}

function plainAddress(text: string): string {
	try {
		const { protocol, hostname, port, pathname } = new URL(text.trim());
		const host = hostname === "localhost" ? "127.0.0.1" : hostname;
		return `${protocol}//${host}:${port}${pathname.replace(/\/+$/, "")}`;
	} catch {
		return text.trim();
	}
}

export function parseName(text: string): ParseResult<string> {
	return text.trim() === "" ? { problem: "Enter a name" } : { value: text.trim() };
}

/** Parses a URL roughly: the core adds a missing scheme, and strips quotes, endpoints and slashes. */
export function parseAddress(text: string): ParseResult<string> {
	const value = text.trim().replace(/^["'`“”„‘’«»<]+|["'`“”‘’«»>,;]+$/g, "");
	if (value === "") return { problem: "Enter the server’s URL" };
	const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(value)?.[1]?.toLowerCase();
	if (scheme !== undefined && scheme !== "http" && scheme !== "https")
		return { problem: "The URL must start with https:// or http://" };
	const whole = scheme === undefined ? `https://${value}` : value;
	return URL.canParse(whole) ? { value } : { problem: "Invalid URL: check for typos" };
}

export function parseParallel(text: string): ParseResult<number> {
	const value = parseWhole(text);
	return value !== null && value >= 1 && value <= MAX_PARALLEL
		? { value }
		: { problem: `Enter a whole number from 1 to ${MAX_PARALLEL}` };
}

/** Parses a new key, which must not be empty if `isNeeded`. */
export function parseKey(text: string, isNeeded: boolean): ParseResult<string> {
	const value = text.trim();
	if (value === "" && isNeeded) return { problem: "Paste your API key" };
	return /\s/.test(value) ? { problem: "An API key has no spaces: copy it again" } : { value };
}

/** Returns what the user consented to, for the provider's row; empty for nothing. */
export function consentState({ consent }: Pick<ProviderInfo, "consent">): string {
	if (consent === null) return "";
	return consent.type === "plainHttp"
		? "Unencrypted, which you allowed"
		: "Its certificate is trusted by you";
}

/** What a button of a provider's row does about its last error. */
export type Remedy = "changeKey" | "review" | "editAddress" | "tryAgain";

export const REMEDIES: Record<Remedy, string> = {
	changeKey: "Change the key",
	review: "Review the connection",
	editAddress: "Edit the address",
	tryAgain: "Try again",
};

/** Returns the remedy for a provider's last error. Of one from the environment, only the connection can be reviewed. */
export function remedyOf({
	source,
	lastError,
}: Pick<ProviderInfo, "source" | "lastError">): Remedy | null {
	if (lastError === null) return null;
	const remedy = REMEDY_OF[lastError.code] ?? "tryAgain";
	const isPossible = source === "settings" || (source === "environment" && remedy === "review");
	return isPossible ? remedy : "tryAgain";
}

const REMEDY_OF: Partial<Record<string, Remedy>> = {
	wrong_key: "changeKey",
	untrusted_certificate: "review",
	changed_certificate: "review",
	insecure_url: "review",
	unknown_path: "editAddress",
	unexpected_response: "editAddress",
};

/** Returns the address of a preset, or what stands for it in a list. */
export function presetAddress({ id, baseUrl }: Preset): string {
	if (baseUrl !== "") return baseUrl;
	return id === "azure" ? "https://….openai.azure.com" : "Any OpenAI-compatible server";
}

/** Returns the presets that have every word of the query in their name, id or address. */
export function findPresets(presets: readonly Preset[], query: string): Preset[] {
	const words = query.toLowerCase().split(/\s+/).filter(Boolean);
	return presets.filter((preset) => {
		const all = `${preset.name} ${preset.id} ${preset.baseUrl}`.toLowerCase();
		return words.every((word) => all.includes(word));
	});
}
