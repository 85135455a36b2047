/** The queue, a strip above the composer; nothing while it is empty. */
import { html, nothing, type TemplateResult } from "lit-html";
import { live } from "lit-html/directives/live.js";
import { repeat } from "lit-html/directives/repeat.js";
import type { PauseReason, Queue, QueuedMessage, SendKey } from "../../ipc/bindings";
import { icon } from "../../shared/icon";
import { isComposing } from "../../shared/keyboard";
import { sends } from "../shortcuts/shortcuts";
import type { QueueEdit } from "./queue";

export interface QueueModel {
	readonly queue: Queue;
	readonly edit: QueueEdit | null;
	readonly sendKey: SendKey;
	/** Returns the name of a model, or null for that of the conversation. */
	modelName(modelId: string | null): string | null;
}

export interface QueueActions {
	edit(message: QueuedMessage): void;
	type(text: string): void;
	saveEdit(): void;
	cancelEdit(): void;
	/** Moves a message to a position, from 1. */
	move(message: QueuedMessage, position: number): void;
	remove(message: QueuedMessage): void;
	sendNow(message: QueuedMessage): void;
	clear(): void;
	pause(): void;
	resume(): void;
}

/** Why the queue does not go on, and what does it. */
const PAUSES: Record<PauseReason, string> = {
	stopped: "Paused, because you stopped the answer",
	failed: "Paused, because the last message could not be answered",
	restarted: "Paused, because Conch was restarted",
	user: "Paused",
};

export function queueStrip(model: QueueModel, actions: QueueActions): TemplateResult {
	const { items, paused, pauseReason, pauseMessage } = model.queue;
	if (items.length === 0) return html``;
	const state = paused
		? (pauseMessage ?? PAUSES[pauseReason ?? "user"])
		: "Sent one after the other";
	return html`
    <section id="queue" aria-label="Queue" ?data-paused=${paused}>
      <header>
        <h2>Queue <span class="count">${items.length}</span></h2>
        <p class="quiet" role="status">${state}</p>
        ${
					paused
						? html`<button id="resume-queue" type="button" class="toast-action" @click=${actions.resume}>
                ${icon("play")}<span>Resume</span></button>`
						: html`<button id="pause-queue" type="button" class="bare" aria-label="Pause the queue" title="Pause"
                @click=${actions.pause}>${icon("pause")}</button>`
				}
        <button id="clear-queue" type="button" class="bare" aria-label="Clear the queue" title="Clear"
          @click=${actions.clear}>${icon("list-x")}</button>
      </header>
      <ol>
        ${repeat(
					items,
					({ id }) => id,
					(message) => row(message, model, actions),
				)}
      </ol>
    </section>
  `;
}

function row(message: QueuedMessage, model: QueueModel, actions: QueueActions): TemplateResult {
	const isEdited = model.edit?.id === message.id;
	return html`
    <li class="queued-message" data-queued-id=${message.id} ?data-edited=${isEdited}>
      ${isEdited ? editor(model.edit, model.sendKey, actions) : reading(message, model, actions)}
    </li>
  `;
}

function reading(message: QueuedMessage, model: QueueModel, actions: QueueActions): TemplateResult {
	const { position, content, attachmentIds } = message;
	const name = content === "" ? `message ${position}` : `“${content.slice(0, 40)}”`;
	const onHandle = (event: KeyboardEvent) => {
		const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
		const to = position + (step ?? 0);
		if (step === undefined || to < 1 || to > model.queue.items.length) return;
		event.preventDefault();
		actions.move(message, to);
	};
	const facts = [
		model.modelName(message.modelId),
		attachmentIds.length === 0 ? null : files(attachmentIds.length),
	].filter((fact) => fact !== null);
	return html`
    <button type="button" class="bare handle" aria-label=${`Move ${name}: arrow keys`}
      title="Drag, or press the arrow keys, to reorder" @keydown=${onHandle}>${icon("grip-vertical")}</button>
    <span class="words">
      <span class="text">${content}</span>
      ${facts.length === 0 ? nothing : html`<span class="fact">${facts.join(" · ")}</span>`}
    </span>
    <button type="button" class="bare send-now" aria-label=${`Send ${name} now`} title="Send now"
      @click=${() => actions.sendNow(message)}>${icon("send")}</button>
    <button type="button" class="bare edit-queued" aria-label=${`Edit ${name}`} title="Edit"
      @click=${() => actions.edit(message)}>${icon("pencil")}</button>
    <button type="button" class="bare remove-queued" aria-label=${`Remove ${name}`} title="Remove"
      @click=${() => actions.remove(message)}>${icon("x")}</button>
  `;
}

function editor(edit: QueueEdit, sendKey: SendKey, actions: QueueActions): TemplateResult {
	const onKey = (event: KeyboardEvent) => {
		if (isComposing(event)) return;
		if (sends(event, sendKey)) {
			event.preventDefault();
			if (!event.repeat) actions.saveEdit();
		} else if (event.key === "Escape") {
			event.preventDefault();
			// It would stop the answer, too.
			event.stopPropagation();
			actions.cancelEdit();
		}
	};
	return html`
    <textarea class="queued-input" rows="1" aria-label="Edit the queued message" .value=${live(edit.text)}
      @input=${(event: Event) => actions.type((event.currentTarget as HTMLTextAreaElement).value)}
      @keydown=${onKey}></textarea>
    <button type="button" class="bare" aria-label="Cancel" title="Cancel (Esc)" @click=${actions.cancelEdit}>${icon("x")}</button>
    <button type="button" class="bare save-queued" aria-label="Save" title="Save" aria-disabled=${String(edit.text.trim() === "")}
      @click=${actions.saveEdit}>${icon("check")}</button>
  `;
}

function files(count: number): string {
	return count === 1 ? "1 file" : `${count} files`;
}
