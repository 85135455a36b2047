/**
 * The version of a message that a window reads while an answer is being written: its messages take the place of the
 * branch's, which goes on behind them. Nothing is selected and no lock is asked for.
 */
import { signal } from "@preact/signals-core";
import type { ConversationView } from "../../../ipc/bindings";
import type { Commands } from "../../../ipc/host";
import { Transcript, type Viewport } from "./transcript";

export class VersionReader {
	/** The messages that lead to the version and follow it; null while the branch is shown. */
	readonly reading = signal<Transcript | null>(null);
	readonly #commands: Pick<Commands, "getMessages">;
	readonly #viewport: Viewport;
	/** Identifies the last step; an earlier one that is read late shows nothing. */
	#step: object | null = null;

	constructor(commands: Pick<Commands, "getMessages">, viewport: Viewport) {
		this.#commands = commands;
		this.#viewport = viewport;
	}

	/** Shows a version and what followed it. Resolves to false if the branch itself shows it, and is shown. */
	async read(of: ConversationView, version: string): Promise<boolean> {
		const step = {};
		this.#step = step;
		const transcript = new Transcript(this.#commands, this.#viewport, version);
		const isOther = await transcript.openVersion(of);
		if (this.#step === step) this.#show(isOther ? transcript : null);
		return isOther;
	}

	/** Shows the branch again. */
	leave(): void {
		this.#step = null;
		this.#show(null);
	}

	#show(transcript: Transcript | null): void {
		if (this.reading.value === transcript) return;
		this.#viewport.preserveScroll(() => {
			this.reading.value = transcript;
		});
	}
}
