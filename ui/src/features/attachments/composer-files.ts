/** Wires up attaching files to the composer: by the button, by drop, by paste. */
import { type AttachmentSummary, commands, messageOf } from "../../ipc/host";
import { byId } from "../../shared/dom";
import { insertText } from "../../shared/text-area";
import type { Chat } from "../chat/chat";
import type { ComposerFocus } from "../chat/composer/focus";
import type { ComposerFileParts } from "../chat/composer/view";
import type { ToastAction } from "../toasts/toasts";
import { readyFiles } from "./attachments";
import { takeDrops } from "./drop";
import { LongPaste } from "./long-paste";
import { isText, pastedFiles } from "./paste";
import { Preview } from "./preview";
import { Thumbnails } from "./thumbnails";
import {
	type AttachActions,
	attachButton,
	attachedFiles,
	type FileActions,
	pasteOffer,
} from "./view";

const NOT_PASTED =
	"Nothing on the clipboard can be pasted here. Drop the file or attach it instead";

const CHOOSE: ToastAction = {
	label: "Attach files",
	run: () => byId("attach-button").click(),
};

export class ComposerFiles {
	readonly preview = new Preview();
	readonly actions: FileActions;
	readonly #chat: Chat;
	readonly #focus: ComposerFocus;
	readonly #paste: LongPaste;
	readonly #attach: AttachActions;
	/** Id of the toast that says that nothing was pasted. */
	#refused = 0;

	constructor(chat: Chat, focus: ComposerFocus) {
		this.#chat = chat;
		this.#focus = focus;
		const { attachments, typing } = chat;
		this.#paste = new LongPaste({
			shownId: chat.shownId,
			draft: typing.text,
			type: (text) => typing.type(text),
			attach: async (id, name, text) => {
				const [key] = await attachments.add(id, [new File([text], name, { type: "text/plain" })]);
				return key ?? null;
			},
			detach: (id, key) => this.#remove(id, key),
			isAttached: (id, key) => attachments.of(id).some((one) => one.key === key),
		});
		this.actions = {
			thumbnails: new Thumbnails((id) => commands.loadAttachment(id)),
			look: (file: AttachmentSummary) => void this.preview.open(file),
		};
		this.#attach = {
			...this.actions,
			attach: (files) => {
				this.#add(files);
				focus.focusField();
			},
			remove: (key) => {
				this.#remove(chat.shownId.value, key);
				focus.focusField();
			},
			acceptOffer: () => {
				void this.#paste.accept();
				focus.focusField();
			},
			dismissOffer: () => {
				this.#paste.dismiss();
				focus.focusField();
			},
		};
	}

	/** Returns the composer's parts for attachments. */
	parts(): ComposerFileParts {
		const { shownId, model, attachments } = this.#chat;
		const list = attachments.lists.value.get(shownId.value) ?? [];
		return {
			button: attachButton(this.#attach),
			list: attachedFiles(list, model.value?.sees === false, this.#attach),
			offer: pasteOffer(this.#paste.offered.value, this.#attach),
			canSend: readyFiles(list).length > 0,
		};
	}

	/** Attaches what is dropped on the conversation, and what is pasted into the composer. */
	listen(conversation: HTMLElement, composer: HTMLElement): void {
		takeDrops(conversation, this.#attach.attach);
		composer.addEventListener("paste", (event) => {
			const data = event.clipboardData;
			if (data === null) return;
			if (isText(data)) return this.#paste.pasted(data.getData("text/plain"));
			event.preventDefault();
			void this.#takePasted(data);
		});
	}

	/** Attaches pasted files, or shows why not. */
	async #takePasted(data: DataTransfer): Promise<void> {
		const { attachments, shownId, toasts } = this.#chat;
		const [id, text] = [shownId.value, data.getData("text/plain")];
		toasts.dismiss(this.#refused);
		const { files, uris } = await pastedFiles(data, navigator.clipboard, commands.copiedFiles);
		if (files.length > 0) await attachments.add(id, files);
		else if (uris.length > 0) await attachments.addCopied(id, uris);
		// The URL of an image that did not come with it.
		else if (text !== "") insertText(this.#focus.field(), text);
		else this.#refused = toasts.show({ text: NOT_PASTED, kind: "error", action: CHOOSE });
	}

	#add(files: readonly File[]): void {
		const { shownId, attachments } = this.#chat;
		void attachments.add(shownId.value, files);
	}

	#remove(id: string, key: string): void {
		const { attachments, toasts } = this.#chat;
		attachments.remove(id, key).catch((error) => toasts.error(messageOf(error)));
	}
}
