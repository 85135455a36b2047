/** The editor of a message that was sent: its text and its files, beside the version that it is made of. */
import { type ReadonlySignal, signal } from "@preact/signals-core";
import { html, nothing, type TemplateResult } from "lit-html";
import { live } from "lit-html/directives/live.js";
import { repeat } from "lit-html/directives/repeat.js";
import type { AttachmentSummary, Message, SendKey } from "../../../ipc/bindings";
import { icon } from "../../../shared/icon";
import { isComposing } from "../../../shared/keyboard";
import { sends } from "../../shortcuts/shortcuts";

/** A message that is being edited. */
export interface Edit {
	readonly messageId: string;
	readonly text: string;
	readonly files: readonly AttachmentSummary[];
	/** It is being sent. */
	readonly isSending: boolean;
}

/** The edit of a branch, at most one. */
export class MessageEditor {
	readonly #edit = signal<Edit | null>(null);

	get edit(): ReadonlySignal<Edit | null> {
		return this.#edit;
	}

	open({ id, content, attachments }: Message): void {
		this.#edit.value = { messageId: id, text: content, files: attachments, isSending: false };
	}

	type(text: string): void {
		this.#change({ text });
	}

	remove(fileId: string): void {
		const files = this.#edit.value?.files ?? [];
		this.#change({ files: files.filter(({ id }) => id !== fileId) });
	}

	close(): void {
		this.#edit.value = null;
	}

	/**
	 * Sends the edit. It is closed when `send` has succeeded; otherwise it stays as it is. `send` is called with the
	 * edit, and resolves to whether it was accepted.
	 */
	async submit(send: (edit: Edit) => Promise<boolean>): Promise<void> {
		const edit = this.#edit.value;
		if (edit === null || edit.isSending || !isSendable(edit)) return;
		this.#change({ isSending: true });
		const isAccepted = await send(edit);
		if (this.#edit.value?.messageId !== edit.messageId) return;
		if (isAccepted) this.close();
		else this.#change({ isSending: false });
	}

	#change(change: Partial<Edit>): void {
		if (this.#edit.value !== null) this.#edit.value = { ...this.#edit.value, ...change };
	}
}

function isSendable({ text, files }: Edit): boolean {
	return text.trim() !== "" || files.length > 0;
}

export interface EditActions {
	readonly sendKey: SendKey;
	type(text: string): void;
	remove(fileId: string): void;
	submit(): void;
	cancel(): void;
}

export function messageEditor(edit: Edit, actions: EditActions): TemplateResult {
	const onKey = (event: KeyboardEvent) => {
		if (isComposing(event)) return;
		if (sends(event, actions.sendKey)) {
			event.preventDefault();
			if (!event.repeat) actions.submit();
		} else if (event.key === "Escape") {
			event.preventDefault();
			// It would stop an answer, too.
			event.stopPropagation();
			actions.cancel();
		}
	};
	return html`
    <form class="editor" @submit=${(event: Event) => {
			event.preventDefault();
			actions.submit();
		}}>
      ${
				edit.files.length === 0
					? nothing
					: html`<ul class="files" aria-label="Files of the edited message">
            ${repeat(
							edit.files,
							({ id }) => id,
							({ id, name }) => html`<li><div class="file" data-state="ready">
                <span class="kind">${icon("file-text")}</span><span class="words"><span class="name">${name}</span></span>
                <button type="button" class="bare remove" aria-label=${`Remove ${name}`} title="Remove"
                  @click=${() => actions.remove(id)}>${icon("x")}</button></div></li>`,
						)}
          </ul>`
			}
      <textarea class="edit-input" rows="1" aria-label="Edit your message" .value=${live(edit.text)}
        @input=${(event: Event) => actions.type((event.currentTarget as HTMLTextAreaElement).value)}
        @keydown=${onKey}></textarea>
      <div class="buttons">
        <button type="button" class="cancel-edit" @click=${actions.cancel}>Cancel</button>
        <button type="submit" class="primary send-edit"
          aria-disabled=${String(edit.isSending || !isSendable(edit))}>Send</button>
      </div>
    </form>
  `;
}
