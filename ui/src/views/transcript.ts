/** The messages of the shown conversation. */
import { html, nothing, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import type { FinishReason, Message, Phase } from "../ipc/host";
import { growingText } from "../lib/growing-text";
import { icon } from "./icon";

export interface TranscriptModel {
	readonly messages: readonly Message[];
	readonly phase: { readonly messageId: string; readonly phase: Phase } | null;
	readonly stopping: boolean;
	readonly opening: boolean;
	readonly newBelow: boolean;
	/** Epoch ms. */
	readonly now: number;
}

export interface TranscriptActions {
	suggest(text: string): void;
	retry(messageId: string): void;
	regenerate(messageId: string): void;
	copy(text: string): void;
	toBottom(): void;
}

const SUGGESTIONS = [
	"Explain what a conch shell is to a child",
	"Suggest three names for a small sailing boat",
	"Write a two-sentence story about the sea",
];

export function transcript(model: TranscriptModel, actions: TranscriptActions): TemplateResult {
	if (model.opening) return html`<p class="empty quiet">Opening…</p>`;
	if (model.messages.length === 0) return empty(actions);
	const last = model.messages.at(-1);
	return html`
    <div class="column">
      ${repeat(
				model.messages,
				(message) => message.id,
				(message) => view(message, message === last, model, actions),
			)}
    </div>
    ${
			model.newBelow
				? html`<button type="button" class="to-bottom" @click=${actions.toBottom}>
            ${icon("arrow-down")}<span>New text</span></button>`
				: nothing
		}
  `;
}

function empty(actions: TranscriptActions): TemplateResult {
	return html`
    <div class="empty">
      <h2>What is on your mind?</h2>
      <p class="quiet">One answer at a time, and nothing you type is lost.</p>
      <ul class="suggestions">
        ${SUGGESTIONS.map(
					(text) =>
						html`<li><button type="button" @click=${() => actions.suggest(text)}>${text}</button></li>`,
				)}
      </ul>
    </div>
  `;
}

function view(
	message: Message,
	isLast: boolean,
	model: TranscriptModel,
	actions: TranscriptActions,
): TemplateResult {
	const writing = message.status === "generating";
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
      ${message.reasoning === "" ? nothing : reasoning(message, writing)}
      <div class="text">${growingText(message.content)}</div>
      ${writing ? progress(message, model) : outcome(message, actions)}
      ${writing ? nothing : tools(message, isLast, actions)}
    </article>
  `;
}

/** Folded, because it is long and not the answer. What the user unfolds stays unfolded. */
function reasoning(message: Message, writing: boolean): TemplateResult {
	const thinking = writing && message.content === "";
	return html`
    <details class="reasoning">
      <summary class=${thinking ? "state working" : "state"}>${thinking ? "Thinking…" : "Reasoning"}</summary>
      <div class="thoughts">${growingText(message.reasoning)}</div>
    </details>
  `;
}

function leftOut(number: number): string {
	return number === 1
		? "The oldest message was left out: it does not fit this model"
		: `The ${number} oldest messages were left out: they do not fit this model`;
}

function progress(message: Message, model: TranscriptModel): TemplateResult {
	if (model.stopping) return html`<p class="state">Stopping…</p>`;
	const phase = model.phase?.messageId === message.id ? model.phase.phase : null;
	if (phase?.type === "retrying") {
		const seconds = secondsTo(phase.until, model.now);
		return html`<p class="state">Trying again in ${seconds} s: ${phase.reason}</p>`;
	}
	if (phase?.type === "waitingForSlot") {
		const { provider, until } = phase;
		const pause =
			until === null ? "" : ` ${provider} asked for a pause: ${secondsTo(until, model.now)} s`;
		return html`<p class="state">Waiting for a free slot at ${provider}…${pause}</p>`;
	}
	if (message.content !== "") return html`<span class="caret" aria-hidden="true"></span>`;
	// The folded reasoning says that it is thinking.
	if (message.reasoning !== "") return html`${nothing}`;
	const words =
		phase?.type === "startingModel"
			? "Reading with the built-in model…"
			: "Waiting for the first word…";
	return html`<p class="state working">${words}</p>`;
}

function outcome(message: Message, actions: TranscriptActions) {
	if (message.status === "complete") return ending(message);
	const words: Record<string, string> = {
		stopped: "Stopped",
		failed: "Failed",
		interrupted: "Interrupted",
	};
	const reason = message.error === null ? "" : `: ${message.error.message}`;
	return html`
    <div class="outcome">
      <p class="state">${words[message.status]}${reason}</p>
      <button type="button" class="retry" @click=${() => actions.retry(message.id)}>
        ${icon("rotate-ccw")}<span>Retry</span>
      </button>
    </div>
  `;
}

const ENDINGS: Partial<Record<FinishReason, string>> = {
	length: "Cut off at the longest answer’s length",
	content_filter: "The provider’s content filter ended the answer",
	refusal: "The model refused",
};

/** Why a complete answer is not all that it might be. */
function ending({ finishReason }: Message) {
	const words = finishReason === null ? undefined : ENDINGS[finishReason];
	return words === undefined ? nothing : html`<p class="state ending">${words}</p>`;
}

/** What is said of this phase changes with the time. */
export function countsDown(phase: Phase | undefined): boolean {
	return phase?.type === "retrying" || (phase?.type === "waitingForSlot" && phase.until !== null);
}

function secondsTo(until: number, now: number): number {
	return Math.max(0, Math.ceil((until - now) / 1000));
}

function tools(message: Message, isLast: boolean, actions: TranscriptActions) {
	const again = isLast && message.role === "assistant" && message.status === "complete";
	if (message.content === "" && !again) return nothing;
	return html`
    <div class="tools on-demand">
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
    </div>
  `;
}
