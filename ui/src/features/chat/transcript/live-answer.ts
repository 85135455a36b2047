/**
 * The live answer on the shown branch, built from the core's events. It needs no snapshot: the core first sends
 * the whole answer so far. Pure.
 */
import type { PageEvent, Part, Phase } from "../../../ipc/bindings";
import { applyPatches } from "../../../markdown/patches";

export interface LiveAnswer {
	readonly messageId: string;
	/** By position. Reasoning that the provider hides leaves a gap. */
	readonly parts: readonly (Part | undefined)[];
	readonly phase: Phase | null;
}

/** An event of an answer's text. */
export type AnswerEvent = Exclude<PageEvent, { type: "started" | "ended" | "missed" }>;

/** Returns the answer after an event. An event of another answer starts from an empty one. */
export function applyEvent(known: LiveAnswer | null, event: AnswerEvent): LiveAnswer {
	const { messageId } = event;
	const before = known?.messageId === messageId ? known : { messageId, parts: [], phase: null };
	if (event.type === "phase") return { ...before, phase: event.phase };
	const length = Math.max(before.parts.length, event.part + 1);
	const parts = Array.from({ length }, (_, at) =>
		at === event.part ? grown(before.parts[at], event) : before.parts[at],
	);
	return { ...before, parts };
}

function grown(part: Part | undefined, event: Exclude<AnswerEvent, { type: "phase" }>): Part {
	switch (event.type) {
		case "blocks": {
			const blocks = part?.type === "text" ? part.blocks : [];
			return { type: "text", blocks: [...applyPatches(blocks, event.patches)] };
		}
		case "reasoning": {
			const text = part?.type === "reasoning" ? part.text : "";
			return { type: "reasoning", text: text + event.text };
		}
		case "toolCall":
			return { type: "toolCall", ...event.call };
	}
}
