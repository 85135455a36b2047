/** Applies a stream's patches to an answer's blocks. Pure: unchanged blocks stay the same objects. */
import type { Block, Inline, Patch } from "../ipc/bindings";

/** A patch of one block, or of its content. */
type Change = Exclude<Patch, { type: "replace" }>;

/** Applies the patches in order and returns the new blocks. Throws if they do not fit these blocks. */
export function applyPatches(
	blocks: readonly Block[],
	patches: readonly Patch[],
): readonly Block[] {
	return patches.reduce((blocks, patch) => {
		if (patch.type === "replace") return joined(blocks, patch.from, patch.blocks);
		const block = blocks[patch.at];
		if (block === undefined) throw new RangeError("the patch changes an unknown block");
		return blocks.with(patch.at, applyPatch(block, patch));
	}, blocks);
}

function applyPatch(block: Block, patch: Change): Block {
	switch (patch.type) {
		case "grow":
			if (block.type === "code") return { ...block, text: block.text + patch.text };
			if (block.type === "paragraph")
				return { ...block, inlines: grown(block.inlines, patch.text) };
			break;
		case "close":
			if (block.type === "code") return { ...block, closed: true };
			break;
		case "inlines":
			if (block.type !== "paragraph") break;
			return { ...block, inlines: joined(block.inlines, patch.from, patch.inlines) };
		case "items":
			if (block.type !== "list") break;
			return { ...block, items: joined(block.items, patch.from, patch.items) };
		case "rows":
			if (block.type !== "table") break;
			return { ...block, rows: joined(block.rows, patch.from, patch.rows) };
		case "within": {
			if (block.type === "quote")
				return { ...block, blocks: [...applyPatches(block.blocks, patch.patches)] };
			const item = block.type === "list" ? block.items.at(-1) : undefined;
			if (block.type !== "list" || item === undefined) break;
			const blocks = [...applyPatches(item.blocks, patch.patches)];
			return { ...block, items: [...block.items.slice(0, -1), { ...item, blocks }] };
		}
	}
	throw new RangeError(`the patch changes another block than ${block.type}`);
}

function grown(inlines: readonly Inline[], more: string): Inline[] {
	const last = inlines.at(-1);
	if (last?.type !== "text") throw new RangeError("the paragraph does not end in text");
	return [...inlines.slice(0, -1), { ...last, text: last.text + more }];
}

function joined<Item>(list: readonly Item[], from: number, rest: readonly Item[]): Item[] {
	if (from > list.length) throw new RangeError("the patch leaves a gap");
	return [...list.slice(0, from), ...rest];
}
