/** Random documents, reproducible from a seed, and their beginnings. */
import type { Alignment, Block, Inline, ListItem, MathNode } from "../src/ipc/bindings";
import { mathElement } from "./markdown-dom";

export interface Dice {
	/** Returns an integer from 0 up to, not including, the limit. */
	below(limit: number): number;
	one<T>(of: readonly T[]): T;
}

/** The generator mulberry32. */
export function random(seed: number): Dice {
	let state = seed;
	const below = (limit: number) => {
		state = (state + 0x6d2b79f5) | 0;
		let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
		mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
		return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
	};
	return { below, one: (of) => of[below(of.length)] as (typeof of)[number] };
}

/** Words, and strings that have been mistaken for markup somewhere. */
const WORDS = [
	..."the conch is blown by whoever holds it שלום 🐚 é".split(" "),
	"<img src=x onerror=alert(1)>",
	"</script>",
	"javascript:alert(1)",
	"&lt;",
	'"',
	"\u202e",
];

const HOSTS = ["example.com", null];
const DESTINATIONS = ["https://example.com/a", "javascript:alert(1)", "data:text/html,x", "#a"];

export function document(dice: Dice, size: number): Block[] {
	const blocks = list(dice, size, (dice) => block(dice, 2));
	if (dice.below(3) === 0) {
		const notes = list(dice, 2, (dice) => list(dice, 2, (dice) => block(dice, 1)));
		const first = 1 + dice.below(2);
		blocks.push({
			type: "footnotes",
			notes: notes.map((blocks, index) => ({ number: first + index, blocks })),
		});
	}
	return blocks;
}

function list<T>(dice: Dice, most: number, make: (dice: Dice) => T): T[] {
	return Array.from({ length: 1 + dice.below(most) }, () => make(dice));
}

function words(dice: Dice): string {
	return list(dice, 6, (dice) => dice.one(WORDS)).join(" ");
}

function block(dice: Dice, depth: number): Block {
	const blocks = () => (depth === 0 ? [] : list(dice, 3, (dice) => block(dice, depth - 1)));
	switch (dice.below(10)) {
		case 0:
			return { type: "heading", level: 1 + dice.below(6), inlines: inlines(dice, 1) };
		case 1:
		case 2:
			return code(dice);
		case 3:
			return { type: "math", math: math(dice) };
		case 4:
			return { type: "quote", blocks: blocks() };
		case 5:
		case 6: {
			const start = dice.one([null, 0, 1, 7]);
			const items = list(
				dice,
				3,
				(dice): ListItem => ({ checked: dice.one([null, true, false]), blocks: blocks() }),
			);
			return { type: "list", start, tight: dice.below(2) === 0, items };
		}
		case 7: {
			const columns = 1 + dice.below(3);
			const row = () => Array.from({ length: columns }, () => inlines(dice, 1));
			const alignments = row().map(() => dice.one<Alignment>(["none", "left", "center", "right"]));
			const rows = list(dice, 3, (dice) => row().slice(0, 1 + dice.below(columns)));
			return { type: "table", alignments, header: row(), rows };
		}
		case 8:
			return dice.one<Block>([{ type: "rule" }, { type: "html", text: words(dice) }]);
		default:
			return { type: "paragraph", inlines: inlines(dice, 2) };
	}
}

function code(dice: Dice): Block {
	const text = list(dice, 5, words).join("\n");
	return {
		type: "code",
		language: dice.one([null, "rust", "odd"]),
		text: `${text}\n`,
		closed: true,
	};
}

function math(dice: Dice): { source: string; tree: MathNode | null } {
	const tree = mathElement("mfrac", mathElement("mi", words(dice)), mathElement("mn", "2"));
	return { source: words(dice), tree: dice.one([null, tree, mathElement("math", tree)]) };
}

function inlines(dice: Dice, depth: number): Inline[] {
	return list(dice, 4, (dice) => inline(dice, depth));
}

function inline(dice: Dice, depth: number): Inline {
	const inside = () => (depth === 0 ? [] : inlines(dice, depth - 1));
	const target = () => {
		const title = dice.one(["", words(dice)]);
		return { destination: dice.one(DESTINATIONS), title, host: dice.one(HOSTS) };
	};
	switch (dice.below(12)) {
		case 0:
			return { type: "emphasis", inlines: inside() };
		case 1:
			return { type: "strong", inlines: inside() };
		case 2:
			return { type: "strikethrough", inlines: inside() };
		case 3:
			return { type: "code", text: words(dice) };
		case 4:
			return { type: "link", ...target(), inlines: inside() };
		case 5:
			return { type: "image", ...target(), alt: words(dice) };
		case 6:
			return { type: "math", math: math(dice) };
		case 7:
			return { type: "footnoteReference", number: 1 + dice.below(3) };
		case 8:
			return { type: "html", text: words(dice) };
		case 9:
			return { type: dice.one(["softBreak", "hardBreak"]) };
		default:
			return { type: "text", text: words(dice) };
	}
}

/** Returns the number of steps from an empty document to the whole. */
export function length(value: unknown): number {
	const budget = { left: Number.POSITIVE_INFINITY, used: 0 };
	cut(value, budget);
	return budget.used;
}

/** Returns the document as it was after that many steps of streaming: a code block at its end is open. */
export function beginning(blocks: readonly Block[], steps: number): Block[] {
	const begun = cut(blocks, { left: steps, used: 0 }) as Block[];
	const last = begun.at(-1);
	if (steps < length(blocks) && last?.type === "code") last.closed = false;
	return begun;
}

interface Budget {
	left: number;
	used: number;
}

/** The keys whose texts grow; names, numbers and flags are either complete or absent. */
const GROWS = new Set(["text", "alt", "title", "source"]);

function cut(value: unknown, budget: Budget, key = ""): unknown {
	const spend = (most: number) => {
		const spent = Math.min(most, budget.left);
		budget.left -= spent;
		budget.used += spent;
		return spent;
	};
	if (typeof value === "string")
		return GROWS.has(key) ? value.slice(0, spend(value.length)) : value;
	if (Array.isArray(value)) {
		// An attribute's pair, and a table's alignments, are one unit.
		if (value.every((item) => typeof item === "string")) return value;
		const begun: unknown[] = [];
		for (const item of value) if (spend(1) === 1) begun.push(cut(item, budget));
		return begun;
	}
	if (typeof value !== "object" || value === null) return value;
	return Object.fromEntries(
		Object.entries(value).map(([key, item]) => [key, cut(item, budget, key)]),
	);
}
