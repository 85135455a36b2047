/**
 * One branch of a conversation, as a window shows it. The core owns the lock: here are its latest snapshot and the
 * changes since. There is one definition of "busy", shared by the button, the input and the refusal. A branch that is
 * closed keeps no messages.
 */
import { batch, computed, signal } from "@preact/signals-core";
import type {
	ConversationSummary,
	ConversationView,
	LockChanged,
	LockStatus,
	Message,
	PageEvent,
} from "../../ipc/bindings";
import { type Branch, type BranchKey, branchKey, NEW } from "../../ipc/branch";
import { hasCode } from "../../ipc/errors";
import { yieldToBrowser } from "../../shared/time";
import { BranchQueue } from "../queue/queue";
import type { ToastAction } from "../toasts/toasts";
import { isNewer, lockAfter } from "./lock";
import type { SessionContext } from "./session-context";
import { Transcript } from "./transcript/transcript";
import { VersionReader } from "./transcript/version-reader";

export class FollowedBranch {
	readonly branch: Branch;
	/** Also of its draft and its files. */
	readonly key: BranchKey;
	readonly transcript: Transcript;
	readonly versions: VersionReader;
	readonly queue: BranchQueue;
	/** The last snapshot; null until it is read, and of a conversation that does not exist yet. */
	readonly view = signal<ConversationView | null>(null);
	readonly lock = signal<LockStatus | null>(null);
	protected readonly context: SessionContext;
	/** Identifies the current opening; null while closed. */
	protected opening: object | null = null;
	/** Why it could not be read. */
	#unopened: unknown = null;
	#reading: Promise<unknown> | null = null;
	#again = false;

	/** An answer is being written here, or may not be started. Until the lock is read, the list decides. */
	readonly locked = computed(() => {
		const lock = this.lock.value;
		return lock !== null ? !lock.canSend : this.context.isListedBusy(this.branch.conversationId);
	});
	/** The messages to draw: of the branch, or of a version that is read. */
	readonly drawn = computed(() => this.versions.reading.value ?? this.transcript);
	/** All branches of the conversation, with the latest state of this one. */
	readonly branches = computed(() => {
		const [view, lock] = [this.view.value, this.lock.value];
		return (view?.branches ?? []).map((branch) =>
			lock !== null && branch.id === view?.branchId ? { ...branch, locked: lock.locked } : branch,
		);
	});
	/** No other answer can be started. */
	readonly busy = computed(() => this.locked.value || this.isSending);
	/** An answer is being written on this branch, or is about to be: its head must stay. */
	readonly holdsHead = computed(
		() => this.isSending || (this.lock.value?.locked ?? this.locked.value),
	);
	/** What a send does while an answer is being written. */
	readonly policy = computed(() => this.view.value?.sendPolicy ?? this.context.defaultPolicy.value);
	/** A send would be refused. */
	readonly refusesSend = computed(
		() => this.isSending || (this.locked.value && this.policy.value === "reject"),
	);
	/** The message field is closed, and what is typed goes to the next message's. */
	readonly closesField = computed(() => this.busy.value && this.policy.value === "reject");
	/** `provider/model`; null for the default. */
	readonly modelId = computed(() =>
		this.isNew ? this.context.newConversation.modelId.value : (this.view.value?.modelId ?? null),
	);
	/** Null until they are read. */
	readonly parameters = computed(() =>
		this.isNew
			? this.context.newConversation.parameters.value
			: (this.view.value?.parameters ?? null),
	);

	constructor(branch: Branch, context: SessionContext) {
		this.branch = branch;
		this.key = branchKey(branch);
		this.context = context;
		this.transcript = new Transcript(context.commands, context.viewport);
		this.versions = new VersionReader(context.commands, context.viewport);
		this.queue = new BranchQueue(branch, {
			commands: context.commands,
			attempt: (action) => this.attempt(action),
			offerUndo: context.offerUndo,
		});
	}

	protected get isSending(): boolean {
		return this.context.sending.has(this.key);
	}

	/** The conversation does not exist yet. */
	get isNew(): boolean {
		return this.branch.conversationId === NEW;
	}

	/** The conversation could not be read, because it is gone. */
	get isMissing(): boolean {
		return hasCode(this.#unopened, "not_found");
	}

	/** Reads the branch and follows its answers; {@link recheck} retries after a failure. */
	async open(): Promise<void> {
		this.opening = {};
		this.#unopened = null;
		if (this.isNew) {
			void this.attempt(() => this.context.files.restoreNew());
			return;
		}
		this.context.drafts.expect(this.key);
		await this.#read();
	}

	/** Drops what was read: it may change while nothing shows it. */
	close(): void {
		this.opening = null;
		batch(() => {
			this.view.value = null;
			this.lock.value = null;
			this.versions.leave();
			this.transcript.clear();
			this.queue.close();
		});
	}

	async #read(): Promise<void> {
		const opening = this.opening;
		const { conversationId, branchId } = this.branch;
		const error = await this.attempt(async () => {
			const view = await this.context.commands.getConversation(conversationId, branchId);
			if (opening !== this.opening) return;
			if (!this.#applySnapshot(view)) this.reread();
			void this.#follow(view);
		});
		if (opening === this.opening) this.#unopened = error;
	}

	/** Subscribes to the events of the branch; the core first sends the whole answer so far. */
	async #follow(view: ConversationView): Promise<void> {
		const opening = this.opening;
		await this.attempt(async () => {
			await this.context.commands.followBranch(view.id, view.branchId, (event) => {
				if (opening === this.opening) this.#applyEvent(event);
			});
		});
	}

	#applyEvent(event: PageEvent): void {
		if (!this.transcript.applyEvent(event)) {
			this.reread();
			return;
		}
		const { files, announcement } = this.context;
		if (event.type === "started") files.sentAnywhere(this.key, filesOf(event.messages));
		if (event.type === "ended" && event.message !== null) announcement.read([event.message]);
	}

	/** Rereads the branch. Simultaneous calls share one read; calls during it cause one more. */
	reread(): Promise<unknown> {
		if (this.#reading !== null) {
			this.#again = true;
			return this.#reading;
		}
		this.#reading = this.#readAgain().finally(() => {
			this.#reading = null;
		});
		return this.#reading;
	}

	async #readAgain(): Promise<void> {
		const { branchId, conversationId } = this.branch;
		try {
			await this.#readUntilCurrent();
		} catch (error) {
			// Deleted here or in another window, while the conversation is still there.
			const isGone = hasCode(error, "not_found") && branchId !== null && this.opening !== null;
			if (isGone) await this.context.show({ conversationId, branchId: null });
			else await this.context.fail(error);
		}
	}

	async #readUntilCurrent(): Promise<void> {
		let mayBeOlder = true;
		do {
			await yieldToBrowser();
			this.#again = false;
			const opening = this.opening;
			if (opening === null || this.isNew) return;
			const { conversationId, branchId } = this.branch;
			const view = await this.context.commands.getConversation(conversationId, branchId);
			// Reading a long one takes as long as rendering it: yield to user input in between.
			await yieldToBrowser();
			if (opening !== this.opening || this.#applySnapshot(view)) continue;
			// One that was read after the change is not older.
			this.#again ||= mayBeOlder;
			mayBeOlder = false;
		} while (this.#again);
	}

	/** Checks that a locked branch still is, and rereads it if the event was missed. Retries a failed open. */
	async recheck(): Promise<void> {
		const unopened = this.#unopened;
		this.#unopened = null;
		if (unopened !== null) return this.#read();
		const [view, known, opening] = [this.view.value, this.lock.value, this.opening];
		if (view === null || known === null || !this.locked.value) return;
		await this.attempt(async () => {
			const lock = await this.context.commands.isLocked(view.id, view.branchId);
			const isStill = !lock.canSend && lock.fence === known.fence;
			if (opening === this.opening && !isStill) this.reread();
		});
	}

	/** Returns false for a snapshot that is older than a change of the lock already received: it is to be read again. */
	#applySnapshot(view: ConversationView): boolean {
		const { drafts, files, releases, announcement } = this.context;
		const known = this.lock.value;
		const isOlder = known !== null && view.lock.fence < known.fence;
		if (isOlder || releases.isStale(view.branchId, view.lock)) return false;
		batch(() => {
			this.view.value = view;
			drafts.restore(this.key, view.draft);
			files.restore(this.key, view.attachments);
			files.sentAnywhere(this.key, filesOf(view.messages));
			this.transcript.applySnapshot(view);
			this.lock.value = view.lock;
			this.queue.apply(view.queue);
			announcement.read(view.messages);
		});
		return true;
	}

	/** Applies a change of the lock of this branch, or of another one of the conversation. */
	lockChanged(change: LockChanged): void {
		const known = this.lock.value;
		if (change.branchId !== this.view.value?.branchId || known === null) {
			this.reread();
			return;
		}
		if (!isNewer(known, change)) return;
		this.lock.value = lockAfter(change);
		if (change.locked) return;
		const { announcement } = this.context;
		announcement.ended(change.messageId);
		announcement.read(this.transcript.messages.value);
		// The end of an answer that is followed comes with its own event.
		if (!this.transcript.isFollowing(change.messageId)) this.reread();
	}

	/** Applies a change of the conversation's row of the list. */
	rowChanged({ title, modelId, updatedAt }: ConversationSummary): void {
		// What is being read may be older than this change.
		if (this.#reading !== null) this.#again = true;
		const view = this.view.value;
		if (view !== null) this.view.value = { ...view, title, modelId, updatedAt };
		else if (this.opening !== null && !this.isNew) this.reread();
	}

	loadEarlier(): Promise<void> {
		return this.load((view) => this.drawn.value.loadEarlier(view));
	}

	loadLater(): Promise<void> {
		return this.load((view) => this.drawn.value.loadLater(view));
	}

	/** Loads the end of what is drawn. */
	loadEnd(): Promise<void> {
		return this.load((view) => this.drawn.value.showLatest(view));
	}

	/** Shows the end of the branch. */
	showLatest(): Promise<void> {
		this.versions.leave();
		return this.loadEnd();
	}

	/** Shows a message of what is drawn with those around it. */
	showDrawn(messageId: string): Promise<void> {
		return this.load((view) => this.drawn.value.show(view, messageId));
	}

	/** Shows a message of the branch with those around it. */
	showMessage(messageId: string): Promise<void> {
		this.versions.leave();
		return this.load((view) => this.transcript.show(view, messageId));
	}

	protected async load(part: (view: ConversationView) => Promise<void>): Promise<void> {
		const view = this.view.value;
		if (view !== null) await this.attempt(() => part(view));
	}

	/**
	 * Handles a conflict with another window. An action ends only after the lock is read, because the refusal is
	 * dismissed as soon as the page is not busy.
	 */
	async onConflict(waysOut: readonly ToastAction[] = []): Promise<void> {
		this.context.refusals.askToWait(this.busyElsewhere(), waysOut);
		await this.reread();
	}

	/** Returns the name of the branch that uses up the capacity while this one is free; null otherwise. */
	protected busyElsewhere(): string | null {
		const lock = this.lock.value;
		if (lock === null || lock.locked || lock.canSend) return null;
		return this.branches.value.find(({ locked }) => locked)?.name ?? null;
	}

	/** Runs an action and shows its error. Returns the error, or null. */
	protected async attempt(action: () => Promise<void>): Promise<unknown> {
		try {
			await action();
			return null;
		} catch (error) {
			if (hasCode(error, "generation_in_progress")) await this.onConflict();
			else await this.context.fail(error);
			return error;
		}
	}
}

function filesOf(messages: readonly Message[]): string[] {
	return messages.flatMap(({ attachments }) => attachments.map((file) => file.id));
}
