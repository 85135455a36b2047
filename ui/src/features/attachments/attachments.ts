/**
 * The attachments of each branch's draft: read by the core one after the other, and stored there, so that
 * a restart loses none. Those sent with a message are removed once the core has accepted it.
 */
import { signal } from "@preact/signals-core";
import { ATTACHMENT_LIMITS, type AttachmentSummary, type IpcError } from "../../ipc/bindings";
import { type BranchKey, type ComposerPlace, composerOf, NEW } from "../../ipc/branch";
import { messageOf } from "../../ipc/errors";
import type { Commands } from "../../ipc/host";
import { count, shortBytes } from "../../shared/format";
import { nameOf } from "./paste";

/** A file in the composer. */
export type DraftAttachment =
	| {
			readonly state: "reading";
			readonly key: string;
			readonly name: string;
			/** In bytes; null if only the core can know it. */
			readonly size: number | null;
	  }
	/** `reason` names the file and says what to do. */
	| {
			readonly state: "failed";
			readonly key: string;
			readonly name: string;
			readonly reason: string;
	  }
	| { readonly state: "ready"; readonly key: string; readonly file: AttachmentSummary };

const NONE: readonly DraftAttachment[] = [];

/** A file before it is read. */
interface Source {
	readonly name: string;
	readonly size: number | null;
	/** Reads and stores it in the core. */
	read(composer: ComposerPlace): Promise<AttachmentSummary>;
}

/** A file that the core has already stored. */
function ready(file: AttachmentSummary): DraftAttachment {
	return { state: "ready", key: file.id, file };
}

/** Prepends the files that the core has stored to those attached since, without duplicates. */
export function withKept(
	list: readonly DraftAttachment[],
	kept: readonly AttachmentSummary[],
): readonly DraftAttachment[] {
	const known = new Set(list.map(({ key }) => key));
	return [...kept.filter(({ id }) => !known.has(id)).map(ready), ...list];
}

/** Returns the files that can be sent, in order. */
export function readyFiles(list: readonly DraftAttachment[]): AttachmentSummary[] {
	return list.flatMap((one) => (one.state === "ready" ? [one.file] : []));
}

type AttachmentCommands = Pick<
	Commands,
	"attachFile" | "attachCopiedFile" | "detachFile" | "draftAttachments" | "adoptAttachments"
>;

export class Attachments {
	readonly lists = signal<ReadonlyMap<BranchKey, readonly DraftAttachment[]>>(new Map());
	readonly #commands: AttachmentCommands;
	readonly #readBase64: (file: Blob) => Promise<string>;
	readonly #refuse: (reason: string) => void;
	readonly #restored = new Set<BranchKey>();
	/** Reads one file at a time: in the order of attaching, and with only one in memory. */
	#queue: Promise<void> = Promise.resolve();
	#lastKey = 0;

	/** `refuse` shows a refusal that concerns no single file. */
	constructor(
		commands: AttachmentCommands,
		readBase64: (file: Blob) => Promise<string>,
		refuse: (reason: string) => void,
	) {
		this.#commands = commands;
		this.#readBase64 = readBase64;
		this.#refuse = refuse;
	}

	of(branch: BranchKey): readonly DraftAttachment[] {
		return this.lists.value.get(branch) ?? NONE;
	}

	/** Returns the ids of the files that can be sent, in order. */
	readyIds(branch: BranchKey): string[] {
		return readyFiles(this.of(branch)).map(({ id }) => id);
	}

	isReading(branch: BranchKey): boolean {
		return this.of(branch).some(({ state }) => state === "reading");
	}

	/** Attaches files. Resolves, once all of them are read or refused, to the keys of those that are ready. */
	async add(branch: BranchKey, files: readonly File[]): Promise<string[]> {
		return this.#add(
			branch,
			files.map((file) => this.#source(file)),
		);
	}

	/** Attaches local files by their URLs, as {@link add} does. */
	async addCopied(branch: BranchKey, uris: readonly string[]): Promise<string[]> {
		return this.#add(
			branch,
			uris.map((uri) => ({
				name: nameOf(uri),
				size: null,
				read: ({ conversationId, branchId }) =>
					this.#commands.attachCopiedFile(conversationId, branchId, uri),
			})),
		);
	}

	#source(file: File): Source {
		const { name, size } = file;
		return {
			name,
			size,
			read: async ({ conversationId, branchId }) => {
				if (size > ATTACHMENT_LIMITS.fileBytes) throw tooLarge(name);
				const bytes = await this.#readBase64(file).catch(() => {
					throw unreadable(name);
				});
				return this.#commands.attachFile(conversationId, branchId, name, bytes);
			},
		};
	}

	async #add(branch: BranchKey, files: readonly Source[]): Promise<string[]> {
		const taken = this.of(branch).filter(({ state }) => state !== "failed").length;
		const room = Math.max(0, ATTACHMENT_LIMITS.files - taken);
		const over = files.length - room;
		if (over > 0) {
			const left = over === 1 ? "the last one was not" : `the last ${over} were not`;
			this.#refuse(
				`A message can have at most ${count(ATTACHMENT_LIMITS.files, "file")}: ${left} attached`,
			);
		}
		const added = files.slice(0, room).map((file): [string, Source] => {
			this.#lastKey += 1;
			return [`file-${this.#lastKey}`, file];
		});
		this.#set(branch, [
			...this.of(branch),
			...added.map(
				([key, { name, size }]): DraftAttachment => ({ state: "reading", key, name, size }),
			),
		]);
		const keys: string[] = [];
		const read = async () => {
			for (const [key, file] of added) {
				const attached = await this.#read(key, file);
				if (attached !== null) keys.push(attached);
			}
		};
		this.#queue = this.#queue.then(read);
		await this.#queue;
		return keys;
	}

	/** Removes a file, even one that is still being read. */
	async remove(branch: BranchKey, key: string): Promise<void> {
		const one = this.of(branch).find((one) => one.key === key);
		this.#keep(branch, (other) => other !== one);
		if (one?.state === "ready") await this.#commands.detachFile(one.file.id);
	}

	/** Restores the files that the core has stored, once. */
	restore(branch: BranchKey, kept: readonly AttachmentSummary[]): void {
		if (this.#restored.has(branch)) return;
		this.#restored.add(branch);
		if (kept.length > 0) this.#set(branch, withKept(this.of(branch), kept));
	}

	/** Restores the files of the conversation that does not exist yet, once. */
	async restoreNew(): Promise<void> {
		if (this.#restored.has(NEW)) return;
		this.restore(NEW, await this.#commands.draftAttachments(null, null));
	}

	/** Removes the files sent from here, and the refusals that were shown. */
	sent(branch: BranchKey, ids: readonly string[]): void {
		this.sentAnywhere(branch, ids);
		this.#keep(branch, ({ state }) => state !== "failed");
	}

	/** Removes files that messages already have: another window may have sent them. */
	sentAnywhere(branch: BranchKey, ids: readonly string[]): void {
		this.#keep(branch, (one) => one.state !== "ready" || !ids.includes(one.file.id));
	}

	/** Moves the files attached before their conversation existed; rejects if the core does. */
	async adopt(branch: BranchKey): Promise<void> {
		const adopted = new Set<string>();
		// Includes files that have become ready meanwhile.
		for (;;) {
			const ids = readyFiles(this.of(NEW)).flatMap((file) =>
				adopted.has(file.id) ? [] : [file.id],
			);
			if (ids.length === 0) break;
			await this.#move(branch, ids);
			for (const one of ids) adopted.add(one);
		}
		const list = this.of(NEW);
		if (list.length === 0) return;
		this.#restored.add(branch);
		this.#set(NEW, NONE);
		this.#set(branch, list);
	}

	/** Moves files in the core to a branch whose conversation exists by now. */
	async #move(branch: BranchKey, ids: string[]): Promise<void> {
		const { conversationId } = composerOf(branch);
		if (conversationId !== null) await this.#commands.adoptAttachments(conversationId, ids);
	}

	async #read(key: string, file: Source): Promise<string | null> {
		const begun = this.#placeOf(key);
		// Removed while it waited.
		if (begun === null) return null;
		let attached: DraftAttachment;
		try {
			const summary = await file.read(composerOf(begun));
			const place = this.#placeOf(key);
			// Removed while it was read, or its conversation has been created.
			if (place === null) await this.#commands.detachFile(summary.id);
			else if (place !== begun) await this.#move(place, [summary.id]);
			attached = ready(summary);
		} catch (error) {
			attached = { state: "failed", key, name: file.name, reason: messageOf(error) };
		}
		const place = this.#placeOf(key);
		if (place !== null) {
			const others = this.of(place).filter((one) => one.key !== attached.key || one.key === key);
			this.#set(
				place,
				others.map((one) => (one.key === key ? attached : one)),
			);
		}
		return attached.state === "ready" ? attached.key : null;
	}

	/** Returns the branch that has a file; null if the file was removed. */
	#placeOf(key: string): BranchKey | null {
		for (const [branch, list] of this.lists.value) {
			if (list.some((one) => one.key === key)) return branch;
		}
		return null;
	}

	#keep(branch: BranchKey, stays: (one: DraftAttachment) => boolean): void {
		const list = this.of(branch);
		const kept = list.filter(stays);
		if (kept.length < list.length) this.#set(branch, kept);
	}

	#set(branch: BranchKey, list: readonly DraftAttachment[]): void {
		this.lists.value = new Map(this.lists.value).set(branch, list);
	}
}

function tooLarge(name: string): Readonly<IpcError> {
	const most = shortBytes(ATTACHMENT_LIMITS.fileBytes);
	const message = `“${name}” was not attached: it is larger than ${most}. Attach a smaller file`;
	return { code: "attachment_too_large", message };
}

function unreadable(name: string): Readonly<IpcError> {
	const message = `“${name}” was not attached: it could not be read. To attach a folder, choose the files in it`;
	return { code: "attachment_unreadable", message };
}
