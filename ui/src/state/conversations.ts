/** The list of conversations, as far as it has been scrolled, and which of them have news. */
import { signal } from "@preact/signals-core";
import { type ConversationSummary, commands, type LockChanged } from "../ipc/host";

/** How many conversations are read at a time: more than a window shows, and few enough to be drawn in a moment. */
const PAGE = 40;

export class Conversations {
	readonly list = signal<readonly ConversationSummary[]>([]);
	readonly hasMore = signal(false);
	/** Those in which an answer ended while another conversation was shown. */
	readonly unread = signal<ReadonlySet<string>>(new Set());
	#reading: Promise<void> | null = null;
	#again = false;

	/** Reads the newest page anew. Calls in the meantime are answered by one more reading. */
	async refresh(): Promise<void> {
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
			const newest = await commands.listConversations(null, PAGE);
			const known = new Set(newest.map((summary) => summary.id));
			const last = newest.at(-1);
			const older =
				newest.length < PAGE || last === undefined
					? []
					: this.list.value.filter(
							(summary) => !known.has(summary.id) && summary.updatedAt <= last.updatedAt,
						);
			this.list.value = [...newest, ...older];
			this.hasMore.value = newest.length === PAGE;
		} while (this.#again);
	}

	/** Adds the page after the last one. */
	async loadMore(): Promise<void> {
		const last = this.list.value.at(-1);
		if (!this.hasMore.value || last === undefined) return;
		this.hasMore.value = false;
		try {
			const page = await commands.listConversations(last.id, PAGE);
			this.list.value = [...this.list.value, ...page];
			this.hasMore.value = page.length === PAGE;
		} catch (error) {
			this.hasMore.value = true;
			throw error;
		}
	}

	/** Shows at once what a lock change says; the list is read anew soon after. */
	lockChanged(change: LockChanged, shownId: string | null): void {
		this.list.value = this.list.value.map((summary) =>
			summary.id === change.conversationId ? { ...summary, busy: change.locked } : summary,
		);
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
	}
}
