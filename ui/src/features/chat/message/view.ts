/** One message: its content, its status and its actions. */
import { html, nothing, type TemplateResult } from "lit-html";
import type { Message, Part } from "../../../ipc/bindings";
import { markdown } from "../../../markdown/directive";
import { growingText } from "../../../markdown/growing-text";
import type { MarkdownServices } from "../../../markdown/services";
import { count } from "../../../shared/format";
import { icon } from "../../../shared/icon";
import { type FileActions, messageFiles } from "../../attachments/view";
import type { LiveAnswer } from "../transcript/live-answer";
import { type Edit, type EditActions, messageEditor } from "./editor";
import { type OutcomeActions, outcome } from "./outcome";
import { type ProgressModel, progress } from "./progress";
import { type ToolActions, tools } from "./tools";

export interface MessageModel extends ProgressModel {
	readonly live: LiveAnswer | null;
	/** The message that is being edited. */
	readonly edit: Edit | null;
	/** The id of the last message of the branch, where it is shown. Ids sort by age. */
	readonly lastId: string | null;
}

export interface MessageActions extends OutcomeActions, ToolActions {
	readonly markdown: MarkdownServices;
	readonly files: FileActions;
	readonly editing: EditActions;
}

/** `isLast`: no message follows. Otherwise a retry would hide what follows, so none is offered. */
export function message(
	message: Message,
	isLast: boolean,
	model: MessageModel,
	actions: MessageActions,
): TemplateResult {
	const writing = message.status === "generating";
	const live = writing && model.live?.messageId === message.id ? model.live : null;
	const { parts } = live ?? message;
	const { failedVersion } = message;
	const isNews =
		isLast ||
		(failedVersion !== null && model.lastId !== null && failedVersion.messageId > model.lastId);
	const edit = model.edit?.messageId === message.id ? model.edit : null;
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
      ${message.leftOut > 0 ? html`<p class="state left-out">${leftOut(message)}</p>` : nothing}
      ${edit === null ? messageFiles(message.attachments, actions.files) : messageEditor(edit, actions.editing)}
      ${message.role === "assistant" ? answer(parts, writing, actions) : nothing}
      ${message.role === "user" && edit === null ? question(message) : nothing}
      ${writing ? progress(live, message, model) : outcome(message, isLast, isNews, actions)}
      ${writing || edit !== null ? nothing : tools(message, isLast, actions)}
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
			return tool(`Tool call: ${part.name} ${inOneLine(part.input)}`.trimEnd(), part.input);
		case "toolResult":
			return tool(part.isError ? "Tool error" : "Tool result", part.content);
		default:
			return nothing;
	}
}

/** How many characters of a call's arguments are shown while it is folded. */
const SHOWN_ARGUMENTS = 80;

function inOneLine(text: string): string {
	const line = text.replaceAll(/\s+/g, " ").trim();
	const shown = [...line.slice(0, 2 * SHOWN_ARGUMENTS)].slice(0, SHOWN_ARGUMENTS).join("");
	return shown.length < line.length ? `${shown}…` : line;
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

function leftOut({ leftOut, leftOutTokens }: Message): string {
	const tokens = leftOutTokens > 0 ? ` (about ${count(leftOutTokens, "token")})` : "";
	return leftOut === 1
		? `The oldest message${tokens} was omitted: it does not fit the model’s context window`
		: `The ${leftOut} oldest messages${tokens} were omitted: they do not fit the model’s context window`;
}
