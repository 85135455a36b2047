/** The file in the preview dialog. */
import { signal } from "@preact/signals-core";
import { type AttachmentSummary, commands, messageOf } from "../../ipc/host";

export interface PreviewState {
	readonly file: AttachmentSummary;
	/** A `data:` URL, or a text; null until it is read. */
	readonly content: string | null;
	readonly problem: string | null;
}

export class Preview {
	readonly shown = signal<PreviewState | null>(null);

	async open(file: AttachmentSummary): Promise<void> {
		this.shown.value = { file, content: null, problem: null };
		const show = (read: Partial<PreviewState>) => {
			const shown = this.shown.value;
			// Another file may have been opened meanwhile, or the dialog closed.
			if (shown?.file.id === file.id) this.shown.value = { ...shown, ...read };
		};
		try {
			show({ content: await commands.loadAttachment(file.id) });
		} catch (error) {
			show({ problem: messageOf(error) });
		}
	}

	close(): void {
		this.shown.value = null;
	}
}
