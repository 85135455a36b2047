/** Finds models among many: pure, because it runs at every key. */
import type { ModelInfo } from "../ipc/bindings";

/** The models of one provider that match. */
export interface ModelGroup {
	readonly providerId: string;
	/** For people. */
	readonly provider: string;
	/** Those to show, best first. */
	readonly models: readonly ModelInfo[];
	/** How many more match. */
	readonly more: number;
}

/**
 * The models that have every word of the query in their name, id or provider, by provider in the
 * order given, at most `most` in all. Every provider gets its share: one with hundreds of models does
 * not push out the others. The model `keep` is among those shown wherever it matches.
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

/** How well a model matches, 0 best; null when it does not. */
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

/** Shares `most` out: what the small ones leave of an equal share goes to the large ones. */
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
