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

type Row = readonly (readonly Inline[])[];

/** Parts are immutable, so each cost is computed once. */
const costs = new WeakMap<object, number>();

/** Returns the cost of rendering the blocks, in characters of running text. */
export function costOf(blocks: readonly Block[]): number {
	return total(blocks, costOfBlock);
}

/** Returns the longest beginning within the budget; `blocks` itself if all of them fit. */
export function fitToBudget(blocks: readonly Block[], budget: number): readonly Block[] {
	return cut(blocks, budget, costOfBlock, shortenBlock);
}

function total<Item>(items: readonly Item[], cost: (item: Item) => number): number {
	return items.reduce((sum, item) => sum + cost(item), 0);
}

function once<Part extends object>(part: Part, compute: (part: Part) => number): number {
	const known = costs.get(part);
	if (known !== undefined) return known;
	const cost = compute(part);
	costs.set(part, cost);
	return cost;
}

function costOfBlock(block: Block): number {
	return once(block, () => NODE + costWithinBlock(block));
}

function costWithinBlock(block: Block): number {
	switch (block.type) {
		case "paragraph":
		case "heading":
			return total(block.inlines, costOfInline);
		case "code":
			return HEADER + block.text.length;
		case "math":
			return SYMBOL * block.math.source.length;
		case "quote":
			return costOf(block.blocks);
		case "list":
			return total(block.items, costOfItem);
		case "table":
			return costOfRow(block.header) + total(block.rows, costOfRow);
		case "html":
			return block.text.length;
		case "footnotes":
			return total(block.notes, costOfNote);
		case "rule":
			return 0;
	}
}

function costOfInline(inline: Inline): number {
	return once(inline, () => NODE + costWithinInline(inline));
}

function costWithinInline(inline: Inline): number {
	switch (inline.type) {
		case "text":
		case "code":
		case "html":
			return inline.text.length;
		case "emphasis":
		case "strong":
		case "strikethrough":
		case "link":
			return total(inline.inlines, costOfInline);
		case "image":
			return BOX + inline.alt.length;
		case "math":
			return SYMBOL * inline.math.source.length;
		case "footnoteReference":
			return REFERENCE;
		case "softBreak":
		case "hardBreak":
			return 0;
	}
}

function costOfRow(row: Row): number {
	return NODE + total(row, (cell) => NODE + total(cell, costOfInline));
}

function costOfItem(item: ListItem): number {
	return once(item, () => bulletCost(item) + costOf(item.blocks));
}

/** Returns the cost of an item without its content. */
function bulletCost({ checked }: ListItem): number {
	return checked === null ? NODE : NODE + BOX;
}

function costOfNote(note: Footnote): number {
	return once(note, () => NODE + costOf(note.blocks));
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

function cutBlocks(blocks: readonly Block[], budget: number): Block[] {
	return [...fitToBudget(blocks, budget)];
}

function cutInlines(inlines: readonly Inline[], budget: number): Inline[] {
	return [...cut(inlines, budget, costOfInline, shortenInline)];
}

/** Returns the beginning of a block that exceeds the budget; null if it cannot be split. */
function shortenBlock(block: Block, budget: number): Block | null {
	const left = budget - NODE;
	if (left <= 0) return null;
	switch (block.type) {
		case "paragraph":
		case "heading":
			return { ...block, inlines: cutInlines(block.inlines, left) };
		case "code":
			if (left <= HEADER) return null;
			return { ...block, text: firstOf(block.text, left - HEADER), closed: false };
		case "quote":
			return { ...block, blocks: cutBlocks(block.blocks, left) };
		case "list":
			return { ...block, items: [...cut(block.items, left, costOfItem, shortenItem)] };
		case "table": {
			const rest = left - costOfRow(block.header);
			return rest < 0
				? null
				: { ...block, rows: [...cut(block.rows, rest, costOfRow, () => null)] };
		}
		case "html":
			return { ...block, text: firstOf(block.text, left) };
		case "footnotes":
			return { ...block, notes: [...cut(block.notes, left, costOfNote, shortenNote)] };
		case "math":
		case "rule":
			return null;
	}
}

function shortenInline(inline: Inline, budget: number): Inline | null {
	const left = budget - NODE;
	if (left <= 0) return null;
	switch (inline.type) {
		case "text":
		case "code":
		case "html":
			return { ...inline, text: firstOf(inline.text, left) };
		case "emphasis":
		case "strong":
		case "strikethrough":
		case "link":
			return { ...inline, inlines: cutInlines(inline.inlines, left) };
		case "image":
		case "math":
		case "footnoteReference":
		case "softBreak":
		case "hardBreak":
			return null;
	}
}

function shortenItem(item: ListItem, budget: number): ListItem | null {
	const left = budget - bulletCost(item);
	return left > 0 ? { ...item, blocks: cutBlocks(item.blocks, left) } : null;
}

function shortenNote(note: Footnote, budget: number): Footnote | null {
	const left = budget - NODE;
	return left > 0 ? { ...note, blocks: cutBlocks(note.blocks, left) } : null;
}
