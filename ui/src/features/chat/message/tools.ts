/** The buttons of a message: its versions, Copy, Edit, Answer again, Branch, and the details of its answer. */
import { html, nothing, render, type TemplateResult } from "lit-html";
import type { Message } from "../../../ipc/bindings";
import { icon } from "../../../shared/icon";
import { placeBy } from "../../../shared/popover";
import { factsOf } from "./facts";

export interface ToolActions {
	/** Shows another version. */
	select(messageId: string): void;
	regenerate(messageId: string): void;
	/** Opens the editor of a message. */
	edit(message: Message): void;
	/** Begins a branch after a message. */
	fork(messageId: string): void;
	copy(text: string): void;
}

export function tools(message: Message, isLast: boolean, actions: ToolActions) {
	const isAnswer = message.role === "assistant";
	const several = message.versions.count > 1;
	const again = isAnswer && message.status === "complete";
	return html`
    <div class=${isLast || several ? "tools" : "tools on-demand"}>
      ${several ? pager(message, actions) : nothing}
      ${
				message.content === ""
					? nothing
					: html`<button type="button" class="bare" aria-label="Copy" title="Copy"
              @click=${() => actions.copy(message.content)}>${icon("copy")}</button>`
			}
      ${
				message.role === "user"
					? html`<button type="button" class="bare edit-message" aria-label="Edit" title="Edit"
              @click=${() => actions.edit(message)}>${icon("pencil")}</button>`
					: nothing
			}
      ${
				again
					? html`<button type="button" class="bare" aria-label="Answer again" title="Answer again"
              @click=${() => actions.regenerate(message.id)}>${icon("refresh-cw")}</button>`
					: nothing
			}
      ${
				isAnswer
					? html`<button type="button" class="bare fork-branch" aria-label="Branch from here" title="Branch from here"
              @click=${() => actions.fork(message.id)}>${icon("git-branch")}</button>`
					: nothing
			}
      ${isAnswer ? details(message) : nothing}
    </div>
  `;
}

/** The pager of a message's versions. */
function pager({ versions }: Message, actions: ToolActions): TemplateResult {
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
