/** The conversation that does not exist yet: what is chosen for it, until its first message creates it. */
import { signal } from "@preact/signals-core";
import type { AttemptSource } from "../../ipc/bindings";
import { type BranchKey, branchKey } from "../../ipc/branch";
import type { Commands } from "../../ipc/host";
import { isAnySet, NO_PARAMETERS } from "../parameters/parameters";

type CreationCommands = Pick<
	Commands,
	"createConversation" | "setConversationParameters" | "deleteConversation"
>;

/** The files attached before the conversation exists. */
export interface AdoptableFiles {
	/** Moves them to a branch of the created conversation; rejects if the core does. */
	adopt(branch: BranchKey): Promise<void>;
}

export class NewConversation {
	readonly modelId = signal<string | null>(null);
	readonly parameters = signal(NO_PARAMETERS);
	readonly #commands: CreationCommands;
	readonly #files: AdoptableFiles;
	/** Refused attempts while it is being created, to be counted once it exists. */
	#refused: AttemptSource[] = [];

	constructor(commands: CreationCommands, files: AdoptableFiles) {
		this.#commands = commands;
		this.#files = files;
	}

	/** Creates the conversation with its model, parameters and files. Returns its id. */
	async create(): Promise<string> {
		this.#refused = [];
		const { id } = await this.#commands.createConversation(null, this.modelId.value);
		try {
			if (isAnySet(this.parameters.value)) {
				await this.#commands.setConversationParameters(id, this.parameters.value);
			}
			await this.#files.adopt(branchKey({ conversationId: id, branchId: null }));
		} catch (error) {
			// An answer without these parameters and files is not wanted, nor is an empty conversation.
			await this.#commands.deleteConversation(id).catch(() => {});
			throw error;
		}
		return id;
	}

	/** Forgets the choices: the next conversation starts with the defaults. */
	reset(): void {
		this.modelId.value = null;
		this.parameters.value = NO_PARAMETERS;
	}

	/** Notes an attempt that was refused while the conversation is being created. */
	refused(source: AttemptSource): void {
		this.#refused.push(source);
	}

	/** Returns the refused attempts, once. */
	takeRefused(): readonly AttemptSource[] {
		return this.#refused.splice(0);
	}
}
