/** How an answer ended, where that is not as usual, and what can be done about it. */
import { html, nothing, type TemplateResult } from "lit-html";
import type { FinishReason, Message, MessageError, MessageStatus } from "../../../ipc/bindings";
import { icon } from "../../../shared/icon";

export interface OutcomeActions {
	retry(messageId: string): void;
	/** Shows another version. */
	select(messageId: string): void;
	continueAnswer(): void;
}

/** `isNews`: nothing that is shown is newer than its failed version. */
export function outcome(
	message: Message,
	isLast: boolean,
	isNews: boolean,
	actions: OutcomeActions,
) {
	const { status, content, failedVersion } = message;
	if (status === "generating") return nothing;
	if (status === "complete") {
		return [ending(message, isLast, actions), tried(message, isNews, actions)];
	}
	const ended = html`<p class="state">${ENDED[status]}${reasonOf(message.error)}</p>`;
	if (!isLast) return ended;
	return html`
    <div class="outcome">
      ${ended}
      ${content !== "" && status !== "failed" ? continueAnswer(actions) : nothing}
      ${failedVersion === null ? retry(message, actions) : nothing}
    </div>
    ${tried(message, isNews, actions)}
  `;
}

/** How an answer ended before it was complete. */
type Incomplete = Exclude<MessageStatus, "complete" | "generating">;

const ENDED: Record<Incomplete, string> = {
	stopped: "Stopped",
	failed: "Failed",
	interrupted: "Interrupted",
};

const TRIED: Record<Incomplete, string> = {
	stopped: "Answering again was stopped",
	failed: "Answering again failed",
	interrupted: "Answering again was interrupted",
};

/** Outcome of a failed regeneration, under the previous answer, which is shown instead. */
function tried(message: Message, isNews: boolean, actions: OutcomeActions) {
	if (!isNews || message.failedVersion === null) return nothing;
	const { messageId, status, error, hasText } = message.failedVersion;
	if (status === "generating" || status === "complete") return nothing;
	return html`
    <div class="outcome tried">
      <p class="state">${TRIED[status]}${reasonOf(error)}</p>
      ${
				hasText
					? html`<button type="button" class="show-version" @click=${() => actions.select(messageId)}>
              <span>Show partial answer</span></button>`
					: nothing
			}
      ${retry(message, actions)}
    </div>
  `;
}

function retry(message: Message, actions: OutcomeActions): TemplateResult {
	return html`<button type="button" class="retry" @click=${() => actions.retry(message.id)}>
    ${icon("rotate-ccw")}<span>Retry</span></button>`;
}

function reasonOf(error: MessageError | null): string {
	return error === null ? "" : `: ${error.message}`;
}

const ENDINGS: Partial<Record<FinishReason, string>> = {
	length: "Cut off at the token limit",
	context_full:
		"Cut off: the model’s context is full. Start a new conversation, or choose a model with a larger context",
	content_filter: "Stopped by the provider’s content filter",
	refusal: "The model refused to answer",
};

/** Why a complete answer may not be all of it. */
function ending({ finishReason }: Message, isLast: boolean, actions: OutcomeActions) {
	const words = finishReason === null ? undefined : ENDINGS[finishReason];
	if (words === undefined) return nothing;
	if (finishReason !== "length" || !isLast) return html`<p class="state ending">${words}</p>`;
	return html`<div class="outcome"><p class="state">${words}</p>${continueAnswer(actions)}</div>`;
}

/** The button for an answer that was cut off. */
function continueAnswer(actions: OutcomeActions): TemplateResult {
	return html`<button type="button" class="continue" @click=${() => actions.continueAnswer()}>
    ${icon("play")}<span>Continue</span></button>`;
}
