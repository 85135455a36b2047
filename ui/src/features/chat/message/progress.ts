/** What an answer that is being written waits for. */
import { html, nothing } from "lit-html";
import type { Message, Phase } from "../../../ipc/bindings";
import type { LiveAnswer } from "../transcript/live-answer";

export interface ProgressModel {
	readonly stopping: boolean;
	/** Epoch ms. */
	readonly now: number;
}

export function progress(live: LiveAnswer | null, message: Message, model: ProgressModel) {
	const phase = live?.phase;
	if (phase?.type === "unstored") {
		return html`<p class="state unstored" role="status">Not saved yet: ${phase.reason}</p>`;
	}
	if (model.stopping) return html`<p class="state">Stopping…</p>`;
	if (phase?.type === "retrying") {
		const seconds = secondsTo(phase.until, model.now);
		return html`<p class="state">Retrying in ${seconds} s: ${phase.reason}</p>`;
	}
	if (phase?.type === "waitingForSlot") {
		const { provider, until } = phase;
		const words =
			until === null
				? `Waiting for other answers from ${provider}…`
				: `Rate limited by ${provider}: continuing in ${secondsTo(until, model.now)} s`;
		return html`<p class="state">${words}</p>`;
	}
	// The caret shows that text arrives, and the folded reasoning that the model thinks.
	if ((live ?? message).parts.length > 0) return nothing;
	const words =
		phase?.type === "startingModel" ? "Waiting for the built-in model…" : "Waiting for a response…";
	return html`<p class="state working">${words}</p>`;
}

/** Returns whether the text of a phase changes with time. */
export function countsDown(phase: Phase | null | undefined): boolean {
	return phase?.type === "retrying" || (phase?.type === "waitingForSlot" && phase.until !== null);
}

function secondsTo(until: number, now: number): number {
	return Math.max(0, Math.ceil((until - now) / 1000));
}
