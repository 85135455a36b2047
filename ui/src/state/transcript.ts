/** The messages of the shown conversation that are on the page, and the answer that is being written. */
import { batch, computed, signal } from "@preact/signals-core";
import {
	type ConversationView,
	commands,
	type MessagePage,
	type PageEvent,
	type PageQuery,
} from "../ipc/host";
import { applyEvent, type LiveAnswer } from "./live-answer";
import { NONE, type ShownMessages, withEarlier, withLater, withLatest } from "./shown-messages";

/** So many messages fill a screen; the first frame does not wait for more. */
const FIRST_DRAWN = 12;

export class Transcript {
	readonly #part = signal<ShownMessages>(NONE);
	/** Only the end is drawn, until {@link drawAll}. */
	readonly isPartial = signal(true);
	/** Oldest first. */
	readonly messages = computed(() => {
		const { messages } = this.#part.value;
		return this.isPartial.value ? messages.slice(-FIRST_DRAWN) : messages;
	});
	readonly hasEarlier = computed(() => this.#part.value.hasEarlier);
	/** The end of the conversation is not on the page. */
	readonly hasLater = computed(() => this.#part.value.hasLater);
	/** What the core tells of the answer being written; null before it told anything. */
	readonly live = signal<LiveAnswer | null>(null);
	/** Does what changes the messages above, and keeps in place what the user looks at. */
	preserveScroll: (change: () => void) => void = (change) => change();
	/** The user looks at the end, so what is far above can go. */
	isFollowed: () => boolean = () => true;
	#loading = false;
	/** The answers that a snapshot has shown to have ended: what is told of one after that is late. */
	#ended: ReadonlySet<string> = new Set();

	clear(): void {
		batch(() => {
			this.#part.value = NONE;
			this.isPartial.value = true;
			this.live.value = null;
		});
		this.#ended = new Set();
	}

	/** Has the rest of what was read on the page too. */
	drawAll(): void {
		if (!this.isPartial.value) return;
		this.preserveScroll(() => {
			this.isPartial.value = false;
		});
	}

	/** The conversation as it is now, or was a moment ago: an answer that is not in it has just begun. */
	applySnapshot(view: ConversationView): void {
		this.#part.value = withLatest(this.#part.value, view, this.isFollowed());
		const ended = view.messages.filter((message) => message.status !== "generating");
		// One that its branch went back from has ended, too.
		const tried = view.messages.flatMap(({ failedVersion }) => failedVersion?.messageId ?? []);
		this.#ended = new Set([...ended.map((message) => message.id), ...tried]);
		if (this.#ended.has(this.live.value?.messageId ?? "")) this.live.value = null;
	}

	/** Something happened to an answer. False where its message is not on the page yet. */
	applyEvent(event: PageEvent): boolean {
		if (this.#ended.has(event.messageId)) return true;
		this.live.value = applyEvent(this.live.value, event);
		return this.messages.value.some((message) => message.id === event.messageId);
	}

	/** Adds the page before the first message. */
	async loadEarlier(of: ConversationView): Promise<void> {
		this.drawAll();
		const first = this.messages.value[0];
		if (first === undefined || !this.hasEarlier.value) return;
		await this.#load(of, { type: "before", messageId: first.id }, withEarlier);
	}

	/** Adds the page after the last message. */
	async loadLater(of: ConversationView): Promise<void> {
		const last = this.messages.value.at(-1);
		if (last === undefined || !this.hasLater.value) return;
		await this.#load(of, { type: "after", messageId: last.id }, withLater);
	}

	/** Has a message on the page, with what stands around it. */
	async show(of: ConversationView, messageId: string): Promise<void> {
		this.drawAll();
		if (this.messages.value.some((message) => message.id === messageId)) return;
		await this.#load(of, { type: "around", messageId }, (_, page) => page);
	}

	/** Has the end of the conversation on the page. */
	async showLatest(of: ConversationView): Promise<void> {
		if (!this.hasLater.value) return;
		await this.#load(of, { type: "latest" }, (_, page) => withLatest(NONE, page, true));
	}

	async #load(
		{ id, branchId }: ConversationView,
		part: PageQuery,
		join: (shown: ShownMessages, page: MessagePage) => ShownMessages,
	): Promise<void> {
		if (this.#loading) return;
		const before = this.#part.value;
		this.#loading = true;
		try {
			const page = await commands.getMessages(id, branchId, part);
			// What was read for another part, or another conversation, does not join on.
			if (!isSameRun(before, this.#part.value)) return;
			this.preserveScroll(() => {
				this.#part.value = join(this.#part.value, page);
			});
		} finally {
			this.#loading = false;
		}
	}
}

function isSameRun(one: ShownMessages, other: ShownMessages): boolean {
	const ends = ({ messages }: ShownMessages) => [messages[0]?.id, messages.at(-1)?.id];
	return String(ends(one)) === String(ends(other));
}
