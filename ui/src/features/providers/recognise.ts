/** What a pasted text is: a key, the address of a server, or a search. Pure. */
import type { Preset } from "../../ipc/bindings";

/** What is shorter is the beginning of a key, or none. */
const MIN_KEY_LENGTH = 20;

/** Returns whether a text may be an API key, and is no name or address of a provider. */
export function isLikelyKey(text: string): boolean {
	return isKey(text) && !/[/.]/.test(text);
}

function isKey(text: string): boolean {
	const key = text.trim();
	return /^[!-~]+$/.test(key) && key.length >= MIN_KEY_LENGTH;
}

/** Returns the preset whose keys have the form of this one; null where that is not certain. */
export function presetOfKey(presets: readonly Preset[], text: string): Preset | null {
	if (!isKey(text)) return null;
	const begins = (prefix: string) => text.trim().startsWith(prefix);
	return presets.find(({ keyPrefixes }) => keyPrefixes.some(begins)) ?? null;
}

/**
 * Returns the presets that a key may be of, if its form is that of several: those with its beginning, or else those
 * whose keys have no form.
 */
export function candidatesOfKey(presets: readonly Preset[], text: string): Preset[] {
	const begins = (prefix: string) => prefix !== "" && text.trim().startsWith(prefix);
	const alike = presets.filter(({ sharedKeyPrefixes }) => sharedKeyPrefixes.some(begins));
	return alike.length > 0
		? alike
		: presets.filter(({ sharedKeyPrefixes }) => sharedKeyPrefixes.includes(""));
}

const QUOTES = /^[\s"'`“”„‘’«»<]+|[\s"'`“”‘’«»>,;]+$/g;

/** A host with a scheme, a port or a path; a number or a name of this network; or a name with dots. */
const ADDRESS =
	/^(?:https?:\/\/\S+|(?:[\w-]+(?:\.[\w-]+)*|\[[\da-f:]+\])(?::\d{1,5}(?:\/\S*)?|\/\S*)|localhost|\d{1,3}(?:\.\d{1,3}){3}|[\w-]+(?:\.[\w-]+)*\.[a-z]{2,})$/i;

/** Returns the address of a server in a text; null if it is a name or a key. */
export function addressIn(text: string): string | null {
	const address = text.replace(QUOTES, "");
	return ADDRESS.test(address) ? address : null;
}

/** Returns the preset of the server at an address: a service by its host, a local server by its port. */
export function presetOfAddress(presets: readonly Preset[], address: string): Preset | null {
	const url = urlOf(address);
	const custom = presets.find(({ id }) => id === "custom") ?? null;
	if (url === null) return custom;
	if (/\.(openai|cognitiveservices|services\.ai)\.azure\.com$/.test(url.hostname)) {
		return presets.find(({ id }) => id === "azure") ?? custom;
	}
	const isIts = ({ baseUrl, local, protocol }: Preset) => {
		const own = urlOf(baseUrl);
		if (baseUrl === "" || own === null) return false;
		if (!local) return own.hostname === url.hostname;
		// Other servers have the ports of those that speak OpenAI's protocol, too.
		return own.port === url.port && (isThisMachine(url.hostname) || protocol !== "open_ai");
	};
	return presets.find(isIts) ?? custom;
}

function isThisMachine(host: string): boolean {
	return host === "localhost" || host === "[::1]" || host.startsWith("127.");
}

function urlOf(address: string): URL | null {
	try {
		return new URL(/^https?:\/\//i.test(address) ? address : `http://${address}`);
	} catch {
		return null;
	}
}

/** Returns the name for the server at an address: its host. */
export function hostOf(address: string): string {
	return urlOf(address)?.host ?? address;
}
