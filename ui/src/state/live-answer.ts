/**
 * The answer that is being written on the shown branch, as the core tells it. It is whole by itself: the
 * core begins with all there is so far, so no snapshot has to be matched with it. Pure.
 */
import type { Block, PageEvent, Phase } from "../ipc/bindings";
import { applyPatches } from "../markdown/patches";

export interface LiveAnswer {
	readonly messageId: string;
	readonly blocks: readonly Block[];
	readonly reasoning: string;
	readonly phase: Phase | null;
}

/** The answer after an event. An event of another answer begins with nothing. */
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
