/** Wires up attaching files to the composer: by the button, by drop, by paste. */
import type { ReadonlySignal } from "@preact/signals-core";
import type { AttachmentSummary } from "../../ipc/bindings";
import type { BranchKey } from "../../ipc/branch";
import { messageOf } from "../../ipc/errors";
import type { Commands } from "../../ipc/host";
import { insertText } from "../../shared/text-area";
import type { Attachments } from "./attachments";
import { takeDrops } from "./drop";
import { LongPaste } from "./long-paste";
import { isText, pastedFiles } from "./paste";
import { Preview } from "./preview";
import { Thumbnails } from "./thumbnails";
import {
	type AttachActions,
	attachButton,
	attachedFiles,
	type ComposerFileParts,
	type FileActions,
	pasteOffer,
} from "./view";

const NOT_PASTED =
	"Nothing on the clipboard can be pasted here. Drop the file or attach it instead";

/** The composer that the files are attached to. */
export interface ComposerTarget {
	/** The shown branch. */
	readonly key: ReadonlySignal<BranchKey>;
	/** The text of the active field. */
	readonly text: ReadonlySignal<string>;
	type(text: string): void;
	/** Returns the active field. */
	field(): HTMLTextAreaElement;
	focusField(): void;
	/** Opens the dialog that chooses files. */
	chooseFiles(): void;
}

export interface ComposerFilesDeps {
	readonly commands: Pick<Commands, "copiedFiles" | "loadAttachment">;
	readonly attachments: Attachments;
	readonly composer: ComposerTarget;
	readonly toasts: {
		show(error: {
			readonly text: string;
			readonly kind: "error";
			readonly actions: readonly { readonly label: string; run(): void }[];
		}): number;
		error(text: string): void;
		dismiss(id: number): void;
	};
	/** The model is known to see no images. */
	lacksVision(): boolean;
}

export class ComposerFiles {
	readonly preview: Preview;
	readonly actions: FileActions;
	readonly #deps: ComposerFilesDeps;
	readonly #paste: LongPaste;
	readonly #attach: AttachActions;
	/** Id of the toast that says that nothing was pasted. */
	#refused = 0;

	constructor(deps: ComposerFilesDeps) {
		this.#deps = deps;
		const { commands, attachments, composer } = deps;
		this.preview = new Preview((id) => commands.loadAttachment(id));
		this.#paste = new LongPaste({
			branch: composer.key,
			draft: composer.text,
			type: (text) => composer.type(text),
			attach: async (branch, name, text) => {
				const file = new File([text], name, { type: "text/plain" });
				const [key] = await attachments.add(branch, [file]);
				return key ?? null;
			},
			detach: (branch, key) => this.#remove(branch, key),
			isAttached: (branch, key) => attachments.of(branch).some((one) => one.key === key),
		});
		this.actions = {
			thumbnails: new Thumbnails((id) => commands.loadAttachment(id)),
			look: (file: AttachmentSummary) => void this.preview.open(file),
		};
		this.#attach = {
			...this.actions,
			attach: (files) => {
				this.#add(files);
				composer.focusField();
			},
			remove: (key) => {
				this.#remove(composer.key.value, key);
				composer.focusField();
			},
			acceptOffer: () => {
				void this.#paste.accept();
				composer.focusField();
			},
			dismissOffer: () => {
				this.#paste.dismiss();
				composer.focusField();
			},
		};
	}

	/** Returns the composer's parts for attachments. */
	parts(): ComposerFileParts {
		const { attachments, composer } = this.#deps;
		const list = attachments.of(composer.key.value);
		return {
			button: attachButton(this.#attach),
			list: attachedFiles(list, this.#deps.lacksVision(), this.#attach),
			offer: pasteOffer(this.#paste.offered.value, this.#attach),
			canSend: attachments.readyIds(composer.key.value).length > 0,
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
		const { attachments, commands, composer, toasts } = this.#deps;
		const [branch, text] = [composer.key.value, data.getData("text/plain")];
		toasts.dismiss(this.#refused);
		const { files, uris } = await pastedFiles(data, navigator.clipboard, commands.copiedFiles);
		if (files.length > 0) await attachments.add(branch, files);
		else if (uris.length > 0) await attachments.addCopied(branch, uris);
		// The URL of an image that did not come with it.
		else if (text !== "") insertText(composer.field(), text);
		else {
			const actions = [{ label: "Attach files", run: () => composer.chooseFiles() }];
			this.#refused = toasts.show({ text: NOT_PASTED, kind: "error", actions });
		}
	}

	#add(files: readonly File[]): void {
		const { attachments, composer } = this.#deps;
		void attachments.add(composer.key.value, files);
	}

	#remove(branch: BranchKey, key: string): void {
		const { attachments, toasts } = this.#deps;
		attachments.remove(branch, key).catch((error) => toasts.error(messageOf(error)));
	}
}
