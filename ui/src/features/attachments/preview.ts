/** The file in the preview dialog. */
import { signal } from "@preact/signals-core";
import type { AttachmentSummary } from "../../ipc/bindings";
import { messageOf } from "../../ipc/errors";

export interface PreviewState {
	readonly file: AttachmentSummary;
	/** A `data:` URL, or a text; null until it is read. */
	readonly content: string | null;
	readonly problem: string | null;
}

export class Preview {
	readonly shown = signal<PreviewState | null>(null);
	readonly #load: (id: string) => Promise<string>;

	constructor(load: (id: string) => Promise<string>) {
		this.#load = load;
	}

	async open(file: AttachmentSummary): Promise<void> {
		this.shown.value = { file, content: null, problem: null };
		const show = (read: Partial<PreviewState>) => {
			const shown = this.shown.value;
			// Another file may have been opened meanwhile, or the dialog closed.
			if (shown?.file.id === file.id) this.shown.value = { ...shown, ...read };
		};
		try {
			show({ content: await this.#load(file.id) });
		} catch (error) {
			show({ problem: messageOf(error) });
		}
	}

	close(): void {
		this.shown.value = null;
	}
}
