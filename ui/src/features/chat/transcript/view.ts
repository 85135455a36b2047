/** The messages of the shown conversation. */
import { html, nothing, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import type { Message } from "../../../ipc/bindings";
import { icon } from "../../../shared/icon";
import { type MessageActions, type MessageModel, message as messageView } from "../message/view";

export interface TranscriptModel extends MessageModel {
	readonly messages: readonly Message[];
	readonly opening: boolean;
	/** There is text that is not sent. */
	readonly hasDraft: boolean;
	/** Only the built-in model can answer. */
	readonly offersProvider: boolean;
	/** There are later messages that are not loaded. */
	readonly hasLater: boolean;
	/** A version is read: nothing is offered that goes on from its last message. */
	readonly isReadOnly: boolean;
	/** There is more below the visible part. */
	readonly newBelow: boolean;
}

export interface TranscriptActions extends MessageActions {
	suggest(text: string): void;
	addProvider(): void;
	toBottom(): void;
}

const SUGGESTIONS = [
	"Explain what a conch shell is to a child",
	"Suggest three names for a small sailing boat",
	"Write a two-sentence story about the sea",
];

export function transcript(model: TranscriptModel, actions: TranscriptActions): TemplateResult {
	if (model.opening) return html`<p class="empty quiet">Loading…</p>`;
	if (model.messages.length === 0) return empty(model, actions);
	const last = model.hasLater || model.isReadOnly ? undefined : model.messages.at(-1);
	return html`
    <div class="column">
      ${repeat(
				model.messages,
				(message) => message.id,
				(message) => messageView(message, message === last, model, actions),
			)}
    </div>
    ${
			model.newBelow
				? html`<button type="button" class="to-bottom" @click=${actions.toBottom}>
            ${icon("arrow-down")}<span>${model.live ? "New messages below" : "Jump to latest"}</span></button>`
				: nothing
		}
  `;
}

function empty(
	{ hasDraft, offersProvider }: TranscriptModel,
	actions: TranscriptActions,
): TemplateResult {
	return html`
    <div class="empty">
      <h2>What is on your mind?</h2>
      <p class="quiet">One answer at a time, and nothing you type is lost.</p>
      ${
				hasDraft
					? nothing
					: html`<ul class="suggestions">
            ${SUGGESTIONS.map(
							(text) =>
								html`<li><button type="button" @click=${() => actions.suggest(text)}>${text}</button></li>`,
						)}
          </ul>`
			}
      ${
				offersProvider
					? html`<p class="offer quiet"><span>Only the small built-in model answers yet.</span>
            <button id="connect-provider" type="button" @click=${actions.addProvider}>Connect a better one</button></p>`
					: nothing
			}
    </div>
  `;
}
