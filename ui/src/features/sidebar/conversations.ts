/** The conversation list, as far as it has been scrolled, and which conversations are unread. */
import { batch, signal } from "@preact/signals-core";
import type { ConversationSummary, LockChanged } from "../../ipc/bindings";
import { NEW } from "../../ipc/branch";
import { hasCode } from "../../ipc/errors";
import type { Commands } from "../../ipc/host";

/** Page size: more than a window shows, and few enough to render quickly. */
const PAGE = 40;

/** Page size for rereading all that is loaded: the maximum that the core returns. */
const LARGE_PAGE = 200;

type Summaries = readonly ConversationSummary[];

type ListCommands = Pick<Commands, "listConversations">;

export class Conversations {
	/** Without gaps: what is not in it comes after its last one. */
	readonly list = signal<Summaries>([]);
	readonly hasMore = signal(false);
	/** Those in which an answer ended while another conversation was shown. */
	readonly unread = signal<ReadonlySet<string>>(new Set());
	/** Conversations that have changed since the last read; null if any may have. */
	#changed: Set<string> | null = new Set();
	#reading: Promise<void> | null = null;
	#again = false;
	#loading = false;
	readonly #commands: ListCommands;

	constructor(commands: ListCommands) {
		this.#commands = commands;
	}

	/** Id of the most recently changed one; {@link NEW} if there is none. */
	get newestId(): string {
		return this.list.value[0]?.id ?? NEW;
	}

	/** Returns whether an answer is being written in a listed conversation. */
	isBusy(id: string): boolean {
		return this.list.value.some((listed) => listed.busy && listed.id === id);
	}

	/**
	 * Rereads what may have changed: the conversation with the given id, or without one all that is loaded. Calls
	 * during a read cause one more.
	 */
	async refresh(changedId: string | null = null): Promise<void> {
		if (changedId === null) this.#changed = null;
		else this.#changed?.add(changedId);
		if (this.#reading !== null) {
			this.#again = true;
			return this.#reading;
		}
		this.#reading = this.#read();
		try {
			await this.#reading;
		} finally {
			this.#reading = null;
		}
	}

	async #read(): Promise<void> {
		do {
			this.#again = false;
			const changed = this.#changed;
			this.#changed = new Set();
			try {
				const isEnough = changed !== null && (await this.#readNewest(changed));
				if (!isEnough) await this.#readAll();
			} catch (error) {
				this.#changed = null;
				// The cursor's conversation was deleted during the read.
				if (!hasCode(error, "not_found")) throw error;
				this.#again = true;
			}
		} while (this.#again);
	}

	/** Reads the newest page. Returns whether it contains all that has changed. */
	async #readNewest(changed: ReadonlySet<string>): Promise<boolean> {
		const newest = await this.#commands.listConversations(null, PAGE);
		const inPage = new Set(newest.map((summary) => summary.id));
		const last = newest.at(-1);
		if (newest.length < PAGE || last === undefined) {
			this.list.value = newest;
			this.hasMore.value = false;
			return true;
		}
		if ([...changed].some((id) => !inPage.has(id))) return false;
		const older = this.list.value.filter(
			(summary) => !inPage.has(summary.id) && summary.updatedAt <= last.updatedAt,
		);
		this.list.value = [...newest, ...older];
		if (older.length === 0) this.hasMore.value = true;
		return true;
	}

	/** Rereads as many as are loaded, however many have come before them. */
	async #readAll(): Promise<void> {
		const most = Math.max(PAGE, this.list.value.length);
		const all = new Map<string, ConversationSummary>();
		let last: ConversationSummary | undefined;
		let goesOn = true;
		while (goesOn && all.size < most) {
			const limit = Math.min(LARGE_PAGE, most - all.size);
			const page: Summaries = await this.#commands.listConversations(last?.id ?? null, limit);
			for (const summary of page) all.set(summary.id, summary);
			last = page.at(-1);
			goesOn = page.length === limit;
		}
		this.list.value = [...all.values()];
		this.hasMore.value = goesOn;
	}

	/** Appends the next page. */
	async loadMore(): Promise<void> {
		const last = this.list.value.at(-1);
		if (!this.hasMore.value || last === undefined || this.#loading) return;
		let page: Summaries;
		this.#loading = true;
		try {
			page = await this.#commands.listConversations(last.id, PAGE);
		} catch (error) {
			if (hasCode(error, "not_found")) return this.refresh();
			throw error;
		} finally {
			this.#loading = false;
		}
		const known = this.list.value;
		// If the last one has changed, the page does not join on, and will be requested again.
		if (known.at(-1)?.id !== last.id || known.at(-1)?.updatedAt !== last.updatedAt) return;
		// One that has moved up since is known.
		const ids = new Set(known.map(({ id }) => id));
		batch(() => {
			this.list.value = [...known, ...page.filter(({ id }) => !ids.has(id))];
			this.hasMore.value = page.length === PAGE;
		});
	}

	/** Applies a changed row: moves it to its place, or inserts it. */
	rowChanged(row: ConversationSummary): void {
		const others = this.list.value.filter(({ id }) => id !== row.id);
		const at = others.findIndex((other) => isNewerRow(row, other));
		const isLast = this.list.value.at(-1)?.id === row.id;
		if (at >= 0) this.list.value = others.toSpliced(at, 0, row);
		// Another one that comes after the last loaded row is read with the next page.
		else this.list.value = isLast || !this.hasMore.value ? [...others, row] : others;
		if (this.#reading === null) return;
		// What is being read may be older than this change.
		this.#changed?.add(row.id);
		this.#again = true;
	}

	/** Applies a lock change: immediately, also where the row is still to be read. */
	lockChanged(change: LockChanged, shownId: string | null): void {
		if (change.conversation === null) {
			this.list.value = this.list.value.map((summary) =>
				summary.id === change.conversationId ? { ...summary, busy: change.locked } : summary,
			);
		}
		if (!change.locked && change.conversationId !== shownId) {
			this.unread.value = new Set([...this.unread.value, change.conversationId]);
		}
	}

	markRead(id: string): void {
		if (!this.unread.value.has(id)) return;
		this.unread.value = new Set([...this.unread.value].filter((unread) => unread !== id));
	}

	removed(id: string): void {
		this.list.value = this.list.value.filter((summary) => summary.id !== id);
		this.markRead(id);
	}
}

/** Returns whether a row comes before another one: most recently written first, as the core sorts them. */
function isNewerRow(row: ConversationSummary, other: ConversationSummary): boolean {
	if (row.updatedAt !== other.updatedAt) return row.updatedAt > other.updatedAt;
	return row.id > other.id;
}
