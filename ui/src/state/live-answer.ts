/**
 * The live answer on the shown branch, built from the core's events. It needs no snapshot: the core first sends
 * the whole answer so far. Pure.
 */
import type { Block, PageEvent, Phase } from "../ipc/bindings";
import { applyPatches } from "../markdown/patches";

export interface LiveAnswer {
	readonly messageId: string;
	readonly blocks: readonly Block[];
	readonly reasoning: string;
	readonly phase: Phase | null;
}

/** Returns the answer after an event. An event of another answer starts from an empty one. */
export function applyEvent(known: LiveAnswer | null, event: PageEvent): LiveAnswer {
	const { messageId } = event;
	const before =
		known?.messageId === messageId ? known : { messageId, blocks: [], reasoning: "", phase: null };
	switch (event.type) {
		case "blocks":
			return { ...before, blocks: applyPatches(before.blocks, event.patches) };
		case "reasoning":
			return { ...before, reasoning: before.reasoning + event.text };
		case "phase":
			return { ...before, phase: event.phase };
	}
}
