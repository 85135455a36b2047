/**
 * Truncates an answer that is too much for one frame: a table of a thousand rows, or a whole long answer when
 * its conversation is opened. The result is an answer like any other; the next frame renders more of it. Pure.
 */

import type { Block, Footnote, Inline, ListItem } from "../ipc/bindings";
import { firstOf } from "./long-text";

/** The cost of building and laying out a node, in characters of running text. */
const NODE = 40;

/** The cost of a formula per character of its source, which is a node or two. */
const SYMBOL = 2 * NODE;

/** The cost of a code block's header, including its buttons. */
const HEADER = 8 * NODE;

/** The cost of the button of a footnote reference. */
const REFERENCE = 3 * NODE;

/** The cost of a task checkbox, or of an image chip. */
const BOX = 4 * NODE;

type Part = Block | Inline | ListItem | Footnote;
type Cell = readonly Inline[];

/** Parts are immutable, so each cost is computed once. */
const costs = new WeakMap<Part, number>();

/** Returns the cost of rendering the parts, in characters of running text. */
export function costOf(parts: readonly Part[]): number {
	return total(parts, costOfPart);
}

/** Returns the longest beginning within the budget; `blocks` itself if all of them fit. */
export function fitToBudget(blocks: readonly Block[], budget: number): readonly Block[] {
	return cut(blocks, budget, costOfPart, shortened);
}

function total<Item>(items: readonly Item[], cost: (item: Item) => number): number {
	return items.reduce((sum, item) => sum + cost(item), 0);
}

function costOfPart(part: Part): number {
	const known = costs.get(part);
	if (known !== undefined) return known;
	const cost = frameCost(part) + costWithin(part);
	costs.set(part, cost);
	return cost;
}

/** Returns the cost of a part without its content. */
function frameCost(part: Part): number {
	return "checked" in part && part.checked !== null ? NODE + BOX : NODE;
}

function costWithin(part: Part): number {
	if ("inlines" in part) return costOf(part.inlines);
	if ("blocks" in part) return costOf(part.blocks);
	if ("items" in part) return costOf(part.items);
	if ("notes" in part) return costOf(part.notes);
	if ("alt" in part) return BOX + part.alt.length;
	if ("rows" in part) return costOfRow(part.header) + total(part.rows, costOfRow);
	if ("math" in part) return SYMBOL * part.math.source.length;
	if ("closed" in part) return HEADER + part.text.length;
	if ("text" in part) return part.text.length;
	return "number" in part ? REFERENCE : 0;
}

function costOfRow(row: readonly Cell[]): number {
	return NODE + total(row, (cell) => NODE + costOf(cell));
}

/** Returns the items that fit, and the beginning of the next one. */
function cut<Item>(
	items: readonly Item[],
	budget: number,
	cost: (item: Item) => number,
	shorten: (item: Item, budget: number) => Item | null,
): readonly Item[] {
	let left = budget;
	for (const [index, item] of items.entries()) {
		const needed = cost(item);
		if (needed > left) {
			const begun = shorten(item, left);
			return [...items.slice(0, index), ...(begun === null ? [] : [begun])];
		}
		left -= needed;
	}
	return items;
}

/** Returns the beginning of a part that exceeds the budget; null if it cannot be split. */
function shortened<Whole extends Part>(part: Whole, budget: number): Whole | null {
	const left = budget - frameCost(part);
	const begun = left > 0 ? begunContent(part, left) : null;
	return begun === null ? null : { ...part, ...begun };
}

function begunContent(part: Part, budget: number): object | null {
	if ("inlines" in part) return { inlines: cut(part.inlines, budget, costOfPart, shortened) };
	if ("blocks" in part) return { blocks: cut(part.blocks, budget, costOfPart, shortened) };
	if ("items" in part) return { items: cut(part.items, budget, costOfPart, shortened) };
	if ("notes" in part) return { notes: cut(part.notes, budget, costOfPart, shortened) };
	if ("rows" in part) {
		const left = budget - costOfRow(part.header);
		return left < 0 ? null : { rows: cut(part.rows, left, costOfRow, () => null) };
	}
	if ("closed" in part) {
		return budget > HEADER ? { text: firstOf(part.text, budget - HEADER), closed: false } : null;
	}
	return "text" in part ? { text: firstOf(part.text, budget) } : null;
}
