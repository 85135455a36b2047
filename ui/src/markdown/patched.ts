/** What a stream's patches make of an answer's blocks. Pure. */
import type { Block, Patch } from "../ipc/bindings";

/** What the patch makes of the blocks. Throws when it is not a patch of these. */
export function patched(blocks: readonly Block[], patch: Patch): Block[] {
	switch (patch.type) {
		case "replace":
			if (patch.from > blocks.length) throw new RangeError("the patch follows blocks not told");
			return [...blocks.slice(0, patch.from), ...patch.blocks];
		case "grow": {
			const last = blocks.at(-1);
			if (patch.at !== blocks.length - 1 || last?.type !== "code") {
				throw new RangeError("the patch grows a block that is not the last code");
			}
			return [...blocks.slice(0, -1), { ...last, text: last.text + patch.text }];
		}
	}
}
