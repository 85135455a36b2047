/** The loaded messages of a branch, and the live answer; or those that lead to a version of a message. */
import { batch, computed, signal } from "@preact/signals-core";
import type {
	ConversationView,
	Message,
	MessagePage,
	PageEvent,
	PageQuery,
} from "../../../ipc/bindings";
import type { Commands } from "../../../ipc/host";
import { applyEvent, type LiveAnswer } from "./live-answer";
import {
	NONE,
	type ShownMessages,
	withEarlier,
	withLater,
	withLatest,
	withStored,
} from "./shown-messages";

/** Number of messages that fill a screen; the first frame does not wait for more. */
const FIRST_DRAWN = 12;

type TranscriptCommands = Pick<Commands, "getMessages">;

/** The scrolled region that shows the messages. */
export interface Viewport {
	/** Runs a change to the messages above, and keeps what the user reads in place. */
	preserveScroll(change: () => void): void;
	/** Returns whether the user looks at the end, so that messages far above can be dropped. */
	isFollowed(): boolean;
}

export class Transcript {
	readonly #part = signal<ShownMessages>(NONE);
	/** Only the end is rendered, until {@link drawAll}. */
	readonly isPartial = signal(true);
	/** Oldest first. */
	readonly messages = computed(() => {
		const { messages } = this.#part.value;
		return this.isPartial.value ? messages.slice(-FIRST_DRAWN) : messages;
	});
	readonly hasEarlier = computed(() => this.#part.value.hasEarlier);
	/** The end of the conversation is not loaded. */
	readonly hasLater = computed(() => this.#part.value.hasLater);
	/** The live answer; null before its first event. */
	readonly live = signal<LiveAnswer | null>(null);
	/** The version whose messages these are; null for what the branch shows. */
	readonly version: string | null;
	readonly #commands: TranscriptCommands;
	readonly #viewport: Viewport;
	#loading = false;
	/** Answers that have ended according to a snapshot: later events of these are stale. */
	#ended: ReadonlySet<string> = new Set();

	constructor(commands: TranscriptCommands, viewport: Viewport, version: string | null = null) {
		this.#commands = commands;
		this.#viewport = viewport;
		this.version = version;
	}

	clear(): void {
		batch(() => {
			this.#part.value = NONE;
			this.isPartial.value = true;
			this.live.value = null;
		});
		this.#ended = new Set();
	}

	/** Renders the rest of the loaded messages. */
	drawAll(): void {
		if (!this.isPartial.value) return;
		this.#viewport.preserveScroll(() => {
			this.isPartial.value = false;
		});
	}

	/** Applies a snapshot, which may be slightly old: an answer that is not in it has just begun. */
	applySnapshot(view: ConversationView): void {
		this.#part.value = withLatest(this.#part.value, view, this.#viewport.isFollowed());
		const ended = view.messages.filter((message) => message.status !== "generating");
		// A version that its branch went back from has ended, too.
		const tried = view.messages.flatMap(({ failedVersion }) => failedVersion?.messageId ?? []);
		this.#ended = new Set([...ended.map((message) => message.id), ...tried]);
		if (this.#ended.has(this.live.value?.messageId ?? "")) this.live.value = null;
	}

	/** Applies an event of the branch. Returns false if only a snapshot shows what is on the branch now. */
	applyEvent(event: PageEvent): boolean {
		switch (event.type) {
			case "missed":
				return false;
			case "started":
				return this.#started(event.messages);
			case "ended":
				return event.message !== null && this.#end(event.message);
			default:
				if (this.#ended.has(event.messageId)) return true;
				this.live.value = applyEvent(this.live.value, event);
				// It stands at the end, which is read when the user goes there.
				return this.hasLater.value || this.#has(event.messageId);
		}
	}

	/** Returns whether the end of this answer is shown, or will be, without a snapshot. */
	isFollowing(messageId: string | null): boolean {
		return (
			messageId !== null && (this.#ended.has(messageId) || this.live.value?.messageId === messageId)
		);
	}

	#has(messageId: string): boolean {
		return this.#part.value.messages.some((message) => message.id === messageId);
	}

	#started(stored: readonly Message[]): boolean {
		if (stored.length === 0) return false;
		// A snapshot may have shown them already, or even their end.
		if (this.hasLater.value || stored.every(({ id }) => this.#has(id))) return true;
		const joined = withStored(this.#part.value, stored, this.#viewport.isFollowed());
		if (joined !== null) this.#part.value = joined;
		return joined !== null;
	}

	#end(message: Message): boolean {
		const shown = this.#part.value;
		const isStored = message.status !== "generating";
		if (!isStored || !(shown.hasLater || this.#has(message.id))) {
			// It is read again with the release of its lock.
			this.live.value = null;
			return false;
		}
		batch(() => {
			const messages = shown.messages.map((known) => (known.id === message.id ? message : known));
			this.#part.value = { ...shown, messages };
			this.#ended = new Set([...this.#ended, message.id]);
			if (this.live.value?.messageId === message.id) this.live.value = null;
		});
		return true;
	}

	/** Loads the page before the first message. */
	async loadEarlier(of: ConversationView): Promise<void> {
		this.drawAll();
		const first = this.messages.value[0];
		if (first === undefined || !this.hasEarlier.value) return;
		await this.#load(of, { type: "before", messageId: first.id }, withEarlier);
	}

	/** Loads the page after the last message. */
	async loadLater(of: ConversationView): Promise<void> {
		const last = this.messages.value.at(-1);
		if (last === undefined || !this.hasLater.value) return;
		await this.#load(of, { type: "after", messageId: last.id }, withLater);
	}

	/** Loads a message with those before and after it, unless it is loaded. */
	async show(of: ConversationView, messageId: string): Promise<void> {
		this.drawAll();
		if (this.messages.value.some((message) => message.id === messageId)) return;
		await this.#load(of, { type: "around", messageId }, (_, page) => page);
	}

	/** Loads a version with the messages before and after it. Returns false if the branch itself shows it. */
	async openVersion({ id, branchId }: ConversationView): Promise<boolean> {
		const { version } = this;
		if (version === null) return false;
		const around: PageQuery = { type: "around", messageId: version };
		const page = await this.#commands.getMessages(id, branchId, around, version);
		batch(() => {
			this.#part.value = page;
			this.isPartial.value = false;
		});
		return !page.ofBranch;
	}

	/** Loads the end of the conversation. */
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
			const page = await this.#commands.getMessages(id, branchId, part, this.version);
			// A page read for another part, or another conversation, does not join on.
			if (!isSameRun(before, this.#part.value)) return;
			this.#viewport.preserveScroll(() => {
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
