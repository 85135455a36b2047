/** The blocks of an answer: each renders as one node. */

import type { Alignment, Block, Footnote, Inline, ListItem } from "../ipc/bindings";
import { CodeBlock, codeBlockOf } from "./code";
import { element } from "./element";
import { footnote } from "./footnotes";
import { Inlines } from "./inlines";
import { setText, withText } from "./long-text";
import { math } from "./math";
import { type ItemRenderer, isEqual, reconcile } from "./reconcile";
import type { MarkdownServices } from "./services";
import { wide } from "./wide";

type Row = readonly (readonly Inline[])[];
type Table = Extract<Block, { type: "table" }>;

/** Renders each block as one element, and updates only what changed in it. */
export class Blocks implements ItemRenderer<Block> {
	readonly #services: MarkdownServices;
	readonly #inlines: Inlines;

	constructor(services: MarkdownServices) {
		this.#services = services;
		this.#inlines = new Inlines(services);
	}

	build(block: Block): ChildNode & Element {
		switch (block.type) {
			case "paragraph":
				return this.#inlines.in(element("p"), block.inlines);
			case "heading":
				return this.#inlines.in(element(headingName(block.level)), block.inlines);
			case "code":
				return new CodeBlock(block, this.#services).element;
			case "math":
				return wide("div", "formula", "Formula", math(block.math, "block"), this.#services);
			case "quote":
				return filled(element("blockquote"), block.blocks, this);
			case "list": {
				const list = block.start === null ? element("ul") : element("ol");
				if (block.start !== null && block.start !== 1) {
					list.setAttribute("start", String(block.start));
				}
				list.toggleAttribute("data-tight", block.tight);
				return filled(list, block.items, this.#items);
			}
			case "table":
				return this.#table(block);
			case "rule":
				return element("hr");
			case "html":
				return withText(element("pre", { class: "html" }), block.text);
			case "footnotes": {
				const notes = filled(element("ol"), block.notes, this.#notes);
				return element("section", { class: "notes", "aria-label": "Footnotes" }, notes);
			}
		}
	}

	update(node: ChildNode, was: Block, now: Block): boolean {
		if (was.type !== now.type) return false;
		switch (now.type) {
			case "paragraph":
				reconcile(node, (was as typeof now).inlines, now.inlines, this.#inlines);
				return true;
			case "heading":
				if ((was as typeof now).level !== now.level) return false;
				reconcile(node, (was as typeof now).inlines, now.inlines, this.#inlines);
				return true;
			case "code":
				codeBlockOf(node).update(now);
				return true;
			case "quote":
				reconcile(node, (was as typeof now).blocks, now.blocks, this);
				return true;
			case "list":
				if ((was as typeof now).start !== now.start) return false;
				if ((was as typeof now).tight !== now.tight) {
					(node as Element).toggleAttribute("data-tight");
				}
				reconcile(node, (was as typeof now).items, now.items, this.#items);
				return true;
			case "table":
				return this.#updateTable(node, was as typeof now, now);
			case "html":
				setText(node as Element, (was as typeof now).text, now.text);
				return true;
			case "footnotes":
				reconcile(node.firstChild as Node, (was as typeof now).notes, now.notes, this.#notes);
				return true;
			case "math":
			case "rule":
				return isEqual(was, now);
		}
	}

	readonly #items: ItemRenderer<ListItem> = {
		build: ({ checked, blocks }) => {
			const item = element("li");
			if (checked !== null) {
				item.className = "task";
				item.append(taskBox(checked));
			}
			return filled(item, blocks, this);
		},
		update: (node, was, now) => {
			if (was.checked !== now.checked) return false;
			reconcile(node, was.blocks, now.blocks, this);
			return true;
		},
	};

	readonly #notes: ItemRenderer<Footnote> = {
		build: ({ number, blocks }) => {
			const note = footnote(number);
			reconcile(note, [], blocks, this, note.lastChild);
			return note;
		},
		update: (node, was, now) => {
			if (was.number !== now.number) return false;
			reconcile(node, was.blocks, now.blocks, this, node.lastChild);
			return true;
		},
	};

	#table({ alignments, header, rows }: Table): HTMLElement {
		const head = filled(element("thead"), [header], this.#rows("th", alignments));
		const body = filled(element("tbody"), rows, this.#rows("td", alignments));
		const table = element("table", {}, head, body);
		return wide("div", "table", "Table", table, this.#services);
	}

	#updateTable(node: ChildNode, was: Table, now: Table): boolean {
		if (!isEqual(was.alignments, now.alignments)) return false;
		const [head, body] = (node.firstChild as Node).childNodes;
		const { alignments } = now;
		reconcile(head as Node, [was.header], [now.header], this.#rows("th", alignments));
		reconcile(body as Node, was.rows, now.rows, this.#rows("td", alignments));
		return true;
	}

	#rows(name: "th" | "td", alignments: readonly Alignment[]): ItemRenderer<Row> {
		const cells: ItemRenderer<readonly Inline[]> = {
			build: (inlines, column) => {
				const cell = element(name, name === "th" ? { scope: "col" } : {});
				const alignment = alignments[column] ?? "none";
				if (alignment !== "none") cell.className = alignment;
				return this.#inlines.in(cell, inlines);
			},
			update: (node, was, now) => {
				reconcile(node, was, now, this.#inlines);
				return true;
			},
		};
		const columns = alignments.length;
		// One cell spans all the missing ones, so that a short source cannot create many cells.
		const rest = ({ length }: Row) =>
			length < columns ? [element(name, { colspan: String(columns - length) })] : [];
		return {
			build: (row) => {
				const made = filled(element("tr"), row, cells);
				made.append(...rest(row));
				return made;
			},
			update: (node, was, now) => {
				if (was.length < columns) node.lastChild?.remove();
				reconcile(node, was, now, cells);
				(node as Element).append(...rest(now));
				return true;
			},
		};
	}
}

function filled<Parent extends Node, Item>(
	parent: Parent,
	items: readonly Item[],
	shown: ItemRenderer<Item>,
): Parent {
	reconcile(parent, [], items, shown);
	return parent;
}

function headingName(level: number) {
	return (["h1", "h2", "h3", "h4", "h5", "h6"] as const)[level - 1] ?? "h6";
}

function taskBox(checked: boolean): HTMLElement {
	const box = element("input", { type: "checkbox", disabled: "", "aria-label": "Done" });
	// Also as an attribute, because `isEqualNode` compares attributes and not the checked state.
	box.toggleAttribute("checked", checked);
	return box;
}
