/**
 * Cuts an answer where it is too much for one frame: a table of a thousand rows, or all of a long answer when
 * its conversation is opened. What stays is an answer like any other, which goes on in the next frame. Pure.
 */

import type { Block, Footnote, Inline, ListItem } from "../ipc/bindings";
import { firstOf } from "./long-text";

/** What a node costs to build and to lay out, in characters of running text. */
const NODE = 40;

/** What a formula costs for each character of its source, which is a node or two. */
const SYMBOL = 2 * NODE;

/** What the header of a block of code costs, with its buttons. */
const HEADER = 8 * NODE;

/** What the button in a reference to a footnote costs. */
const REFERENCE = 3 * NODE;

/** What the box of a task costs, or the chip of an image. */
const BOX = 4 * NODE;

type Part = Block | Inline | ListItem | Footnote;
type Cell = readonly Inline[];

/** Parts are never changed, so what one costs is found once. */
const costs = new WeakMap<Part, number>();

/** What they cost to draw, in characters of running text. */
export function costOf(parts: readonly Part[]): number {
	return total(parts, costOfPart);
}

/** The beginning that costs no more than this; the very blocks where that is all of them. */
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

/** What a part costs whatever is in it. */
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

/** As many of the items as there is room for, and the beginning of the next. */
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

/** The beginning of a part that costs more; null where it has to be drawn at once. */
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
