/**
 * The attachments of each conversation's draft: read by the core one after the other, and stored there, so that
 * a restart loses none. Those sent with a message are removed once the core has accepted it.
 */
import { signal } from "@preact/signals-core";
import { ATTACHMENT_LIMITS, type AttachmentSummary, commands, messageOf } from "../../ipc/host";
import { count, shortBytes } from "../../shared/format";
import { NEW } from "../chat/composer/drafts";
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
	/** Reads and stores it in the core; `null` is the conversation that does not exist yet. */
	read(conversationId: string | null): Promise<AttachmentSummary>;
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

export class Attachments {
	readonly lists = signal<ReadonlyMap<string, readonly DraftAttachment[]>>(new Map());
	readonly #readBase64: (file: Blob) => Promise<string>;
	readonly #refuse: (reason: string) => void;
	readonly #restored = new Set<string>();
	/** Reads one file at a time: in the order of attaching, and with only one in memory. */
	#queue: Promise<void> = Promise.resolve();
	#lastKey = 0;

	/** `refuse` shows a refusal that concerns no single file. */
	constructor(readBase64: (file: Blob) => Promise<string>, refuse: (reason: string) => void) {
		this.#readBase64 = readBase64;
		this.#refuse = refuse;
	}

	of(id: string): readonly DraftAttachment[] {
		return this.lists.value.get(id) ?? NONE;
	}

	isReading(id: string): boolean {
		return this.of(id).some(({ state }) => state === "reading");
	}

	/** Attaches files. Resolves, once all of them are read or refused, to the keys of those that are ready. */
	async add(id: string, files: readonly File[]): Promise<string[]> {
		return this.#add(
			id,
			files.map((file) => this.#source(file)),
		);
	}

	/** Attaches local files by their URLs, as {@link add} does. */
	async addCopied(id: string, uris: readonly string[]): Promise<string[]> {
		return this.#add(
			id,
			uris.map((uri) => ({
				name: nameOf(uri),
				size: null,
				read: (conversationId) => commands.attachCopiedFile(conversationId, uri),
			})),
		);
	}

	#source(file: File): Source {
		const { name, size } = file;
		return {
			name,
			size,
			read: async (conversationId) => {
				if (size > ATTACHMENT_LIMITS.fileBytes) throw tooLarge(name);
				const bytes = await this.#readBase64(file).catch(() => {
					throw unreadable(name);
				});
				return commands.attachFile(conversationId, name, bytes);
			},
		};
	}

	async #add(id: string, files: readonly Source[]): Promise<string[]> {
		const taken = this.of(id).filter(({ state }) => state !== "failed").length;
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
		this.#set(id, [
			...this.of(id),
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
	async remove(id: string, key: string): Promise<void> {
		const one = this.of(id).find((one) => one.key === key);
		this.#keep(id, (other) => other !== one);
		if (one?.state === "ready") await commands.detachFile(one.file.id);
	}

	/** Restores the files that the core has stored, once. */
	restore(id: string, kept: readonly AttachmentSummary[]): void {
		if (this.#restored.has(id)) return;
		this.#restored.add(id);
		if (kept.length > 0) this.#set(id, withKept(this.of(id), kept));
	}

	/** Restores the files of the conversation that does not exist yet, once. */
	async restoreNew(): Promise<void> {
		if (!this.#restored.has(NEW)) this.restore(NEW, await commands.draftAttachments(null));
	}

	/** Removes the files sent from here, and the refusals that were shown. */
	sent(id: string, ids: readonly string[]): void {
		this.sentAnywhere(id, ids);
		this.#keep(id, ({ state }) => state !== "failed");
	}

	/** Removes files that messages already have: another window may have sent them. */
	sentAnywhere(id: string, ids: readonly string[]): void {
		this.#keep(id, (one) => one.state !== "ready" || !ids.includes(one.file.id));
	}

	/** Moves the files attached before their conversation existed; rejects if the core does. */
	async adopt(id: string): Promise<void> {
		const adopted = new Set<string>();
		// Includes files that have become ready meanwhile.
		for (;;) {
			const ids = readyFiles(this.of(NEW)).flatMap((file) =>
				adopted.has(file.id) ? [] : [file.id],
			);
			if (ids.length === 0) break;
			await commands.adoptAttachments(id, ids);
			for (const one of ids) adopted.add(one);
		}
		const list = this.of(NEW);
		if (list.length === 0) return;
		this.#restored.add(id);
		this.#set(NEW, NONE);
		this.#set(id, list);
	}

	async #read(key: string, file: Source): Promise<string | null> {
		const begun = this.#placeOf(key);
		// Removed while it waited.
		if (begun === null) return null;
		let attached: DraftAttachment;
		try {
			const summary = await file.read(begun === NEW ? null : begun);
			const place = this.#placeOf(key);
			// Removed while it was read, or its conversation has been created.
			if (place === null) await commands.detachFile(summary.id);
			else if (place !== begun) await commands.adoptAttachments(place, [summary.id]);
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

	/** Returns the conversation that has a file; null if the file was removed. */
	#placeOf(key: string): string | null {
		for (const [id, list] of this.lists.value) if (list.some((one) => one.key === key)) return id;
		return null;
	}

	#keep(id: string, stays: (one: DraftAttachment) => boolean): void {
		const list = this.of(id);
		const kept = list.filter(stays);
		if (kept.length < list.length) this.#set(id, kept);
	}

	#set(id: string, list: readonly DraftAttachment[]): void {
		this.lists.value = new Map(this.lists.value).set(id, list);
	}
}

function tooLarge(name: string) {
	const most = shortBytes(ATTACHMENT_LIMITS.fileBytes);
	const message = `“${name}” was not attached: it is larger than ${most}. Attach a smaller file`;
	return { code: "attachment_too_large", message };
}

function unreadable(name: string) {
	const message = `“${name}” was not attached: it could not be read. To attach a folder, choose the files in it`;
	return { code: "attachment_unreadable", message };
}
