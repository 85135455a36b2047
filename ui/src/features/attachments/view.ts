/** Attachments: in the composer, in the messages that they were sent with, and in the preview. */
import { html, nothing, type TemplateResult } from "lit-html";
import { ref } from "lit-html/directives/ref.js";
import { repeat } from "lit-html/directives/repeat.js";
import { ATTACHMENT_LIMITS, type AttachmentSummary } from "../../ipc/bindings";
import { openDialog } from "../../shared/dialog";
import { count, shortBytes, shortName, shortTokens } from "../../shared/format";
import { icon } from "../../shared/icon";
import { aria, hint } from "../shortcuts/shortcuts";
import { type DraftAttachment, readyFiles } from "./attachments";
import type { PreviewState } from "./preview";
import type { Thumbnails } from "./thumbnails";

/** Maximum size of a sent image on the page, in px. */
const SHOWN = { width: 280, height: 200 };

const { textBytes, fileBytes, files: MAX_FILES } = ATTACHMENT_LIMITS;

const LIMITS = `text and code up to ${shortBytes(textBytes)}, images and PDF up to ${shortBytes(fileBytes)}, ${MAX_FILES} files per message`;

const UNSEEN = "This model does not support images: choose another model or remove the image";

/** The composer's parts for attachments. */
export interface ComposerFileParts {
	readonly button: TemplateResult;
	readonly list: TemplateResult | typeof nothing;
	readonly offer: TemplateResult | typeof nothing;
	/** There are files that can be sent. */
	readonly canSend: boolean;
}

export interface FileActions {
	readonly thumbnails: Thumbnails;
	look(file: AttachmentSummary): void;
}

export interface AttachActions extends FileActions {
	attach(files: readonly File[]): void;
	remove(key: string): void;
	/** Accepts the offer for a long pasted text. */
	acceptOffer(): void;
	dismissOffer(): void;
}

/** The button that chooses files. */
export function attachButton(actions: AttachActions): TemplateResult {
	const onPress = (event: Event) => {
		const button = event.currentTarget as HTMLElement;
		button.parentElement?.querySelector<HTMLInputElement>("#attach-input")?.click();
	};
	const onChosen = (event: Event) => {
		const input = event.currentTarget as HTMLInputElement;
		actions.attach([...(input.files ?? [])]);
		// So that the same file can be chosen again.
		input.value = "";
	};
	return html`
    <button id="attach-button" type="button" class="bare" aria-label="Attach files"
      aria-keyshortcuts=${aria("attach")} title=${`${hint("Attach files", "attach")}: ${LIMITS}`}
      @click=${onPress}>${icon("paperclip")}</button>
    <input id="attach-input" type="file" multiple hidden aria-label=${`Files: ${LIMITS}`} @change=${onChosen} />
  `;
}

/** The draft's attachments, with a warning next to an image if the model has no vision. */
export function attachedFiles(
	list: readonly DraftAttachment[],
	lacksVision: boolean,
	actions: AttachActions,
) {
	if (list.length === 0) return nothing;
	const unseen = lacksVision && readyFiles(list).some((file) => file.kind === "image");
	// Failed files come first: the list may be longer than its visible part.
	const failedFirst = [...list].sort((a, b) => needsLook(b) - needsLook(a));
	return html`
    <ul class="files" aria-label="Attached files">
      ${repeat(
				failedFirst,
				({ key }) => key,
				(one) => html`<li>${chip(one, actions)}</li>`,
			)}
    </ul>
    ${unseen ? html`<p class="state unseen" role="status">${UNSEEN}</p>` : nothing}
  `;
}

function needsLook(one: DraftAttachment): number {
	return one.state === "failed" ? 1 : 0;
}

function chip(one: DraftAttachment, actions: AttachActions): TemplateResult {
	const name = one.state === "ready" ? one.file.name : one.name;
	const remove = html`<button type="button" class="bare remove" aria-label=${`Remove ${name}`}
    title="Remove" @click=${() => actions.remove(one.key)}>${icon("x")}</button>`;
	if (one.state === "failed") {
		return html`<div class="file" data-state="failed" role="alert">
      ${icon("circle-alert")}<span class="reason">${one.reason}</span>${remove}</div>`;
	}
	if (one.state === "reading") {
		return html`<div class="file" data-state="reading" role="status">
      <span class="kind" data-busy>${icon("loader-circle")}</span>
      <span class="words"><span class="name" title=${name}>${shortName(name)}</span>
      <span class="fact">Loading…${one.size === null ? "" : ` ${shortBytes(one.size)}`}</span></span>${remove}</div>`;
	}
	return html`<div class="file" data-state="ready">${fileButton(one.file, actions)}${remove}</div>`;
}

/** The button that opens a file. */
function fileButton(file: AttachmentSummary, actions: FileActions): TemplateResult {
	return html`
    <button type="button" class="bare look" @click=${() => actions.look(file)}>
      ${
				file.kind === "image"
					? html`<img class="kind" alt="" data-attachment=${file.id} width="40" height="40"
              ${ref(actions.thumbnails.fill)} />`
					: html`<span class="kind">${icon("file-text")}</span>`
			}
      <span class="words"><span class="name" title=${file.name}>${shortName(file.name)}</span>
      <span class="fact">${facts(file)}</span></span>
    </button>
  `;
}

function facts(file: AttachmentSummary): string {
	const size = shortBytes(file.bytes);
	if (file.kind === "image") return `${file.width} × ${file.height}, ${size}`;
	const tokens = `≈ ${shortTokens(file.tokens)} tokens`;
	if (file.pages !== null) return `${count(file.pages, "page")}, ${tokens}`;
	return `${size}, ${tokens}`;
}

/** The offer for a long pasted text. */
export function pasteOffer(offered: "attach" | "putBack" | null, actions: AttachActions) {
	if (offered === null) return nothing;
	const words = offered === "attach" ? "Attach the pasted text as a file" : "Paste as text instead";
	return html`
    <p class="offer" role="status">
      <button id="paste-offer" type="button" @click=${actions.acceptOffer}>
        ${icon(offered === "attach" ? "paperclip" : "rotate-ccw")}<span>${words}</span>
      </button>
      <button type="button" class="bare" aria-label="Dismiss" title="Dismiss"
        @click=${actions.dismissOffer}>${icon("x")}</button>
    </p>
  `;
}

/** The attachments of a message. */
export function messageFiles(files: readonly AttachmentSummary[], actions: FileActions) {
	if (files.length === 0) return nothing;
	return html`
    <ul class="files" aria-label="Files">
      ${files.map(
				(file) =>
					html`<li>${
						file.kind === "image"
							? picture(file, actions)
							: html`<div class="file" data-state="ready">${fileButton(file, actions)}</div>`
					}</li>`,
			)}
    </ul>
  `;
}

/** An image whose size is reserved before it is loaded, so that nothing moves. */
function picture(file: AttachmentSummary, actions: FileActions): TemplateResult {
	const [width, height] = [file.width ?? 1, file.height ?? 1];
	const scale = Math.min(1, SHOWN.width / width, SHOWN.height / height);
	return html`
    <button type="button" class="bare picture" aria-label=${`Enlarge ${file.name}`} title=${file.name}
      @click=${() => actions.look(file)}>
      <img alt="" data-attachment=${file.id} width=${Math.max(24, Math.round(width * scale))}
        height=${Math.max(24, Math.round(height * scale))} ${ref(actions.thumbnails.fill)} />
    </button>
  `;
}

/** The preview dialog. */
export function preview(
	{ file, content, problem }: PreviewState,
	close: () => void,
): TemplateResult {
	const onClick = (event: MouseEvent) => {
		// A click on the backdrop has the dialog itself as its target.
		if (event.target === event.currentTarget) (event.currentTarget as HTMLDialogElement).close();
	};
	return html`
    <dialog class="preview" aria-labelledby="preview-name" @close=${close} @click=${onClick}
      ${ref(openDialog)}>
      <form method="dialog">
        <h2 id="preview-name">${file.name}</h2>
        <span class="quiet">${facts(file)}</span>
        <button class="bare" aria-label="Close" title="Close (Esc)">${icon("x")}</button>
      </form>
      ${content === null ? html`<p class="quiet">${problem ?? "Loading…"}</p>` : looked(file, content)}
    </dialog>
  `;
}

function looked(file: AttachmentSummary, content: string): TemplateResult {
	if (file.kind === "image") return html`<img alt=${file.name} src=${content} />`;
	return html`<pre tabindex="0">${content}</pre>`;
}
