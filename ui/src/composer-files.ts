/** Puts together how files come into the composer: by the button, by drop, by paste. */
import { type AttachmentSummary, commands, messageOf } from "./ipc/host";
import { pastedFiles, takeDrops } from "./lib/dropped-files";
import { Thumbnails } from "./lib/thumbnails";
import { readyFiles } from "./state/attachments";
import type { Chat } from "./state/chat";
import { LongPaste } from "./state/long-paste";
import { Preview } from "./state/preview";
import {
	type AttachActions,
	attachButton,
	attachedFiles,
	type FileActions,
	pasteOffer,
} from "./views/attachments";
import type { ComposerFileParts } from "./views/composer";

export class ComposerFiles {
	readonly preview = new Preview();
	readonly actions: FileActions;
	readonly #chat: Chat;
	readonly #paste: LongPaste;
	readonly #attach: AttachActions;

	constructor(chat: Chat, focusInput: () => void) {
		this.#chat = chat;
		const { attachments } = chat;
		this.#paste = new LongPaste({
			shownId: chat.shownId,
			draft: chat.draft,
			type: (id, text) => chat.drafts.type(id, text),
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
				focusInput();
			},
			refuse: () => chat.refuse("composer"),
			remove: (key) => {
				this.#remove(chat.shownId.value, key);
				focusInput();
			},
			takeOffer: () => {
				void this.#paste.take();
				focusInput();
			},
			dismissOffer: () => {
				this.#paste.dismiss();
				focusInput();
			},
		};
	}

	/** What the composer shows of files. */
	parts(): ComposerFileParts {
		const { shownId, busy, model, attachments } = this.#chat;
		const list = attachments.lists.value.get(shownId.value) ?? [];
		return {
			button: attachButton(busy.value, this.#attach),
			list: attachedFiles(list, model.value?.sees === false, this.#attach),
			offer: pasteOffer(this.#paste.offered.value, this.#attach),
			canSend: readyFiles(list).length > 0,
		};
	}

	/** Takes what is dropped on the conversation, and what is pasted into the composer. */
	listen(conversation: HTMLElement, composer: HTMLElement): void {
		takeDrops(conversation, this.#attach.attach);
		composer.addEventListener("paste", (event) => {
			const data = event.clipboardData;
			if (data === null) return;
			const files = pastedFiles(data);
			if (files.length === 0) return this.#paste.pasted(data.getData("text/plain"));
			event.preventDefault();
			this.#add(files);
		});
	}

	#add(files: readonly File[]): void {
		const { busy, shownId, attachments } = this.#chat;
		if (busy.value) this.#chat.refuse("composer");
		else void attachments.add(shownId.value, files);
	}

	#remove(id: string, key: string): void {
		const { attachments, toasts } = this.#chat;
		attachments.remove(id, key).catch((error) => toasts.error(messageOf(error)));
	}
}
