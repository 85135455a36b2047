/** One message: its content, its status and its actions. */
import { html, nothing, render, type TemplateResult } from "lit-html";
import type {
	FinishReason,
	Message,
	MessageError,
	MessageStatus,
	Part,
	Phase,
} from "../../../ipc/bindings";
import { markdown } from "../../../markdown/directive";
import { growingText } from "../../../markdown/growing-text";
import type { MarkdownServices } from "../../../markdown/services";
import { icon } from "../../../shared/icon";
import { type FileActions, messageFiles } from "../../attachments/view";
import type { LiveAnswer } from "../transcript/live-answer";
import { factsOf } from "./facts";
import { placeBy } from "./popover";

export interface MessageModel {
	readonly live: LiveAnswer | null;
	readonly stopping: boolean;
	/** Epoch ms. */
	readonly now: number;
}

export interface MessageActions {
	readonly markdown: MarkdownServices;
	readonly files: FileActions;
	retry(messageId: string): void;
	regenerate(messageId: string): void;
	/** Shows another version. */
	select(messageId: string): void;
	continueAnswer(): void;
	copy(text: string): void;
}

/** `isLast`: no message follows. Otherwise another answer would hide what follows, so none is offered. */
export function message(
	message: Message,
	isLast: boolean,
	model: MessageModel,
	actions: MessageActions,
): TemplateResult {
	const writing = message.status === "generating";
	const live = writing && model.live?.messageId === message.id ? model.live : null;
	const { parts } = live ?? message;
	return html`
    <article
      class="message"
      data-message-id=${message.id}
      data-role=${message.role}
      data-status=${message.status}
      aria-busy=${String(writing)}
      aria-live=${writing ? "off" : nothing}
      aria-label=${message.role === "user" ? "You" : "Answer"}
    >
      ${message.leftOut > 0 ? html`<p class="state left-out">${leftOut(message.leftOut)}</p>` : nothing}
      ${messageFiles(message.attachments, actions.files)}
      ${message.role === "user" ? question(message) : answer(parts, writing, actions)}
      ${writing ? progress(live, message, model) : outcome(message, isLast, actions)}
      ${writing ? nothing : tools(message, isLast, actions)}
    </article>
  `;
}

function question({ content }: Message) {
	return content === "" ? nothing : html`<div class="text">${growingText(content)}</div>`;
}

/** Draws the parts of an answer in order. An answer without text has an empty one, for what looks for its text. */
function answer(parts: readonly (Part | undefined)[], writing: boolean, actions: MessageActions) {
	const hasText = parts.some((part) => part?.type === "text");
	return [
		parts.map((part, at) => answerPart(part, writing, at + 1 === parts.length, actions)),
		hasText ? nothing : html`<div class="text"></div>`,
	];
}

/** Draws a part of an answer; `isLast`, of an answer that is being written, is the part that grows. */
function answerPart(
	part: Part | undefined,
	writing: boolean,
	isLast: boolean,
	actions: MessageActions,
) {
	const grows = writing && isLast;
	switch (part?.type) {
		case "text": {
			const state = grows ? "writing" : "written";
			return html`<div class="text">${markdown(part.blocks, actions.markdown, state)}</div>`;
		}
		case "reasoning":
			return reasoning(part.text, grows);
		case "toolCall":
			return tool(`Tool call: ${part.name}`, part.input);
		case "toolResult":
			return tool(part.isError ? "Tool error" : "Tool result", part.content);
		default:
			return nothing;
	}
}

/** Folded, like the reasoning. */
function tool(title: string, content: string): TemplateResult {
	return html`
    <details class="reasoning tool">
      <summary class="state">${icon("chevron-down")}<span>${title}</span></summary>
      <div class="thoughts">${growingText(content)}</div>
    </details>
  `;
}

/** Folded, because it is long and not the answer. What the user unfolds stays unfolded. */
function reasoning(thoughts: string, thinking: boolean): TemplateResult {
	return html`
    <details class="reasoning">
      <summary class=${thinking ? "state working" : "state"}
        >${icon("chevron-down")}<span>${thinking ? "Thinking…" : "Reasoning"}</span></summary>
      <div class="thoughts">${growingText(thoughts)}</div>
    </details>
  `;
}

function leftOut(number: number): string {
	return number === 1
		? "The oldest message was omitted: it does not fit the model’s context window"
		: `The ${number} oldest messages were omitted: they do not fit the model’s context window`;
}

function progress(live: LiveAnswer | null, message: Message, model: MessageModel) {
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

function outcome(message: Message, isLast: boolean, actions: MessageActions) {
	const { status, content, failedVersion } = message;
	if (status === "generating") return nothing;
	if (status === "complete") {
		return [ending(message, isLast, actions), tried(message, isLast, actions)];
	}
	const ended = html`<p class="state">${ENDED[status]}${reasonOf(message.error)}</p>`;
	if (!isLast) return ended;
	return html`
    <div class="outcome">
      ${ended}
      ${content !== "" && status !== "failed" ? continueAnswer(actions) : nothing}
      ${failedVersion === null ? retry(message, actions) : nothing}
    </div>
    ${tried(message, isLast, actions)}
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
function tried(message: Message, isLast: boolean, actions: MessageActions) {
	if (!isLast || message.failedVersion === null) return nothing;
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

function retry(message: Message, actions: MessageActions): TemplateResult {
	return html`<button type="button" class="retry" @click=${() => actions.retry(message.id)}>
    ${icon("rotate-ccw")}<span>Retry</span></button>`;
}

function reasonOf(error: MessageError | null): string {
	return error === null ? "" : `: ${error.message}`;
}

const ENDINGS: Partial<Record<FinishReason, string>> = {
	length: "Cut off at the token limit",
	content_filter: "Stopped by the provider’s content filter",
	refusal: "The model refused to answer",
};

/** Why a complete answer may not be all of it. */
function ending({ finishReason }: Message, isLast: boolean, actions: MessageActions) {
	const words = finishReason === null ? undefined : ENDINGS[finishReason];
	if (words === undefined) return nothing;
	if (finishReason !== "length" || !isLast) return html`<p class="state ending">${words}</p>`;
	return html`<div class="outcome"><p class="state">${words}</p>${continueAnswer(actions)}</div>`;
}

/** The button for an answer that was cut off. */
function continueAnswer(actions: MessageActions): TemplateResult {
	return html`<button type="button" class="continue" @click=${() => actions.continueAnswer()}>
    ${icon("play")}<span>Continue</span></button>`;
}

/** Returns whether the text of a phase changes with time. */
export function countsDown(phase: Phase | null | undefined): boolean {
	return phase?.type === "retrying" || (phase?.type === "waitingForSlot" && phase.until !== null);
}

function secondsTo(until: number, now: number): number {
	return Math.max(0, Math.ceil((until - now) / 1000));
}

function tools(message: Message, isLast: boolean, actions: MessageActions) {
	const again = isLast && message.role === "assistant" && message.status === "complete";
	const several = message.versions.count > 1;
	if (message.content === "" && !again && !several) return nothing;
	return html`
    <div class=${isLast ? "tools" : "tools on-demand"}>
      ${several ? pager(message, actions) : nothing}
      ${
				message.content === ""
					? nothing
					: html`<button type="button" class="bare" aria-label="Copy" title="Copy"
              @click=${() => actions.copy(message.content)}>${icon("copy")}</button>`
			}
      ${
				again
					? html`<button type="button" class="bare" aria-label="Answer again" title="Answer again"
              @click=${() => actions.regenerate(message.id)}>${icon("refresh-cw")}</button>`
					: nothing
			}
      ${message.role === "assistant" ? details(message) : nothing}
    </div>
  `;
}

/** The pager of a message's versions. */
function pager({ versions }: Message, actions: MessageActions): TemplateResult {
	const { index, count, ids } = versions;
	const step = (name: "previous" | "next", to: string | undefined) => html`
    <button type="button" class=${`bare version-${name}`} aria-label=${`Show the ${name} version`}
      title=${`Show the ${name} version`} aria-disabled=${String(to === undefined)}
      @click=${() => to === undefined || actions.select(to)}
    >${icon(name === "previous" ? "chevron-left" : "chevron-right")}</button>`;
	return html`
    ${step("previous", ids[index - 2])}
    <span class="version-count" aria-label=${`Version ${index} of ${count}`}>${index}/${count}</span>
    ${step("next", ids[index])}
  `;
}

/** The details popover: the model, when, how long, how many tokens. */
function details(message: Message): TemplateResult {
	const id = `facts-${message.id}`;
	const open = ({ currentTarget }: Event) => {
		const popover = currentTarget as HTMLElement;
		render(facts(message), popover);
		placeBy(popover, popover.previousElementSibling as Element);
	};
	return html`
    <button type="button" class="bare" aria-label="Details" title="Details" popovertarget=${id}>
      ${icon("info")}
    </button>
    <div class="facts" id=${id} popover @beforetoggle=${open}></div>
  `;
}

/** Rendered on demand: setting up a date formatter costs more than rendering a page of messages. */
function facts(message: Message): TemplateResult {
	return html`<dl>
    ${factsOf(message).map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}
  </dl>`;
}
