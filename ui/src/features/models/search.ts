/** Searches the models: pure, because it runs at every keystroke. */
import type { ModelInfo } from "../../ipc/bindings";

/** The models of one provider that match. */
export interface ModelGroup {
	readonly providerId: string;
	/** Display name. */
	readonly provider: string;
	/** Those to show, best first. */
	readonly models: readonly ModelInfo[];
	/** How many more match. */
	readonly more: number;
}

/**
 * Returns the models that have every word of the query in their name, id or provider, grouped by provider in the
 * given order, at most `most` in total. Every provider gets its share: one with hundreds of models does not push
 * out the others. The model `keep` is included wherever it matches.
 */
export function findModels(
	models: readonly ModelInfo[],
	query: string,
	most: number,
	keep: string | null = null,
): ModelGroup[] {
	const words = plain(query).split(/\s+/).filter(Boolean);
	const found = new Map<string, { provider: string; matches: [number, ModelInfo][] }>();
	for (const model of models) {
		const rank = rankOf(model, words);
		if (rank === null) continue;
		const group = found.get(model.providerId) ?? { provider: model.provider, matches: [] };
		group.matches.push([rank, model]);
		found.set(model.providerId, group);
	}
	const shares = share(
		most,
		[...found.values()].map(({ matches }) => matches.length),
	);
	return [...found].map(([providerId, { provider, matches }], index) => {
		const sorted = matches.sort(([a], [b]) => a - b).map(([, model]) => model);
		const shown = sorted.slice(0, shares[index]);
		const kept = sorted.find((model) => model.id === keep);
		if (kept !== undefined && shown.length > 0 && !shown.includes(kept)) shown.splice(-1, 1, kept);
		return { providerId, provider, models: shown, more: sorted.length - shown.length };
	});
}

/** Note of a model that was typed. */
const TYPED = "Not in the provider’s list.";

/**
 * Returns the models that the user may mean by typing an id: a list may lack a model that its provider answers for.
 * With the id of a provider before it, that provider's; otherwise, where nothing else matches, every provider's.
 */
export function typedModels(
	models: readonly ModelInfo[],
	query: string,
	matches: boolean,
): ModelGroup[] {
	const text = query.trim();
	if (text === "" || /\s/.test(text)) return [];
	const providers = new Map(models.filter(answersForOthers).map((one) => [one.providerId, one]));
	const all = [...providers.values()];
	const named = all.filter((one) => text.startsWith(`${one.providerId}/`));
	const unnamed = matches ? [] : all;
	const typed =
		named.length > 0
			? named.filter((one) => text !== `${one.providerId}/`).map((one) => typedModel(one, text))
			: unnamed.map((one) => typedModel(one, `${one.providerId}/${text}`));
	return typed
		.filter(({ id }) => models.every((known) => known.id !== id))
		.map((one) => ({
			providerId: one.providerId,
			provider: one.provider,
			models: [one],
			more: 0,
		}));
}

/** Returns a model by its id. One that its provider does not list is as it was typed; undefined without a provider. */
export function modelById(models: readonly ModelInfo[], id: string): ModelInfo | undefined {
	const known = models.find((model) => model.id === id);
	if (known !== undefined) return known;
	const isOwn = (one: ModelInfo) =>
		answersForOthers(one) && id.startsWith(`${one.providerId}/`) && id !== `${one.providerId}/`;
	const own = models.find(isOwn);
	return own === undefined ? undefined : typedModel(own, id);
}

/** The built-in model is the only one of its kind, and a provider that cannot be reached is no model. */
function answersForOthers(model: ModelInfo): boolean {
	return model.available && !model.embedded;
}

/** Nothing is known about it but its provider. */
function typedModel(of: ModelInfo, id: string): ModelInfo {
	return {
		id,
		name: id.slice(of.providerId.length + 1),
		providerId: of.providerId,
		provider: of.provider,
		embedded: false,
		isDefault: false,
		note: TYPED,
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
	};
}

/** Returns how well a model matches, 0 best; null if it does not. */
function rankOf(model: ModelInfo, words: readonly string[]): number | null {
	const first = words[0];
	if (first === undefined) return 0;
	const name = plain(model.name);
	const all = `${name} ${plain(model.id)} ${plain(model.provider)}`;
	if (!words.every((word) => all.includes(word))) return null;
	if (name.startsWith(first)) return 0;
	return name.split(/[^a-z0-9.]+/).some((part) => part.startsWith(first)) ? 1 : 2;
}

function plain(text: string): string {
	return text.toLowerCase();
}

/** Divides `most`: what the small groups leave of an equal share goes to the large ones. */
function share(most: number, sizes: readonly number[]): number[] {
	const shares = sizes.map(() => 0);
	const bySize = sizes.map((size, index) => [size, index] as const).sort(([a], [b]) => a - b);
	let left = most;
	bySize.forEach(([size, index], done) => {
		const taken = Math.min(size, Math.floor(left / (bySize.length - done)));
		shares[index] = taken;
		left -= taken;
	});
	return shares;
}
