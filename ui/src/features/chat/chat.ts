/**
 * The shown conversation and the user's actions in it. The core owns the lock: here are its latest snapshot and
 * the changes since. There is one definition of "busy", shared by the button, the input and the refusal.
 */
import { batch, computed, effect, signal, untracked } from "@preact/signals-core";
import {
	type AttemptSource,
	type ConversationChanged,
	type ConversationView,
	commands,
	type ErrorCode,
	failureOf,
	followBranch,
	hasCode,
	type IpcError,
	isIpcError,
	type LockChanged,
	type LockStatus,
	messageOf,
	type Parameters,
} from "../../ipc/host";
import { yieldToBrowser } from "../../shared/time";
import { Attachments, readyFiles } from "../attachments/attachments";
import { readBase64 } from "../attachments/base64";
import { Models } from "../models/models";
import { isAnySet, NO_PARAMETERS } from "../parameters/parameters";
import { Conversations } from "../sidebar/conversations";
import { Deletions } from "../sidebar/deletions";
import { Toasts, TransientError } from "../toasts/toasts";
import { Announcement } from "./announcement";
import { Drafts, NEW } from "./composer/drafts";
import { Typing } from "./composer/typing";
import { isBeforeRelease, isNewer, lockAfter } from "./lock";
import { Transcript } from "./transcript/transcript";

const STILL_READING = "Wait until all files are attached";

const PLEASE_WAIT = "Generation in progress, please wait...";

/** Interval at which a locked page checks that it still is, in ms. */
const RECHECK = 5000;

/** Errors that persist, even if everything has worked before. */
const FATAL_CODES: ReadonlySet<string> = new Set<ErrorCode>(["database_corrupt", "not_a_database"]);

export class Chat {
	readonly conversations = new Conversations();
	readonly toasts = new Toasts();
	readonly #unsaved = new TransientError(this.toasts, null);
	readonly #stillReading = new TransientError(this.toasts);
	readonly drafts = new Drafts((reason) => this.#unsaved.set(reason));
	readonly deletions = new Deletions(this.toasts, (id) => void this.open(id));
	readonly attachments = new Attachments(readBase64, (reason) => this.toasts.error(reason));
	readonly transcript = new Transcript();
	readonly models = new Models();
	/** Why the application cannot be used. */
	readonly fatal = signal<Readonly<IpcError> | null>(null);
	/** The shown conversation without its messages; null for one that does not exist yet. */
	readonly shown = signal<ConversationView | null>(null);
	/** The id that is shown or being opened; {@link NEW} for one that does not exist yet. */
	readonly shownId = signal(NEW);
	readonly lock = signal<LockStatus | null>(null);
	/** The generation that is being stopped and has not ended yet. */
	readonly stopping = signal<string | null>(null);
	readonly announcement = new Announcement();
	/** The model chosen before its conversation exists. */
	readonly newModel = signal<string | null>(null);
	/** The parameters set before their conversation exists. */
	readonly newParameters = signal(NO_PARAMETERS);
	/** Conversations with a send in flight. */
	readonly #sending = signal<ReadonlySet<string>>(new Set());
	/** Refused attempts in a conversation that is being created, to be counted once it exists. */
	readonly #uncounted: AttemptSource[] = [];
	/** The shown branch; null for `main`. */
	#branchId: string | null = null;
	#opened = 0;
	/** Why the conversation to show could not be read. */
	#unopened: unknown = null;
	/** Fences of the lock releases received, by branch. A lease that only expired may be renewed. */
	readonly #released = new Map<string, number>();
	#reading: Promise<unknown> | null = null;
	#again = false;

	/** An answer is being written here, or may not be started. Until the lock is read, the list decides. */
	readonly locked = computed(() => {
		const lock = this.lock.value;
		if (lock !== null) return !lock.canSend;
		const id = this.shownId.value;
		return this.conversations.list.value.some((listed) => listed.busy && listed.id === id);
	});
	/** A send would be refused. */
	readonly busy = computed(() => this.locked.value || this.#sending.value.has(this.shownId.value));
	/** The text that a send would send. */
	readonly draft = computed(() => this.drafts.texts.value.get(this.shownId.value) ?? "");
	readonly typing = new Typing(this);
	/** `provider/model` of the shown conversation; null for the default. */
	readonly modelId = computed(() =>
		this.shownId.value === NEW ? this.newModel.value : (this.shown.value?.modelId ?? null),
	);
	readonly model = computed(() => {
		const chosen = this.modelId.value;
		const models = this.models.list.value;
		return models.find((model) => (chosen === null ? model.isDefault : model.id === chosen));
	});
	/** Parameters of the shown conversation; null until it is read. */
	readonly parameters = computed(() =>
		this.shownId.value === NEW ? this.newParameters.value : (this.shown.value?.parameters ?? null),
	);

	constructor() {
		effect(() => {
			if (!this.busy.value) untracked(() => this.toasts.dismissRefusals());
		});
		effect(() => {
			const isReading = this.attachments.isReading(this.shownId.value);
			if (!isReading) untracked(() => this.#stillReading.set(null));
		});
	}

	/**
	 * Reads the list and shows a conversation: the named one, otherwise the newest, or the new one if the user has
	 * already begun to type in it.
	 */
	async start(id: string): Promise<void> {
		const list = this.conversations.refresh();
		// Requested concurrently with the list: one after the other made the start slower.
		const draft = commands.getNewDraft();
		draft.catch(() => {});
		try {
			await list;
		} catch (error) {
			this.fatal.value = failureOf(error);
			return;
		}
		const newest = this.conversations.list.value[0]?.id ?? NEW;
		const first = this.draft.value === "" ? newest : NEW;
		await this.#try(async () => this.drafts.restore(NEW, await draft));
		await this.open(id === NEW ? first : id);
		if (hasCode(this.#unopened, "not_found")) await this.open(first);
		setInterval(() => void this.recheck(), RECHECK);
	}

	async loadMoreConversations(): Promise<void> {
		await this.#try(() => this.conversations.loadMore());
	}

	/** Shows a conversation; {@link NEW} is created by its first message. */
	async open(id: string): Promise<void> {
		this.toasts.dismissRefusals();
		await this.#open(id);
	}

	async #open(id: string, branchId: string | null = null): Promise<void> {
		this.drafts.flush();
		this.#opened += 1;
		this.#branchId = branchId;
		this.#unopened = null;
		batch(() => {
			this.shownId.value = id;
			this.shown.value = null;
			this.lock.value = null;
			this.transcript.clear();
		});
		this.conversations.markRead(id);
		if (id === NEW) {
			void this.#try(() => this.attachments.restoreNew());
			return;
		}
		this.drafts.expect(id);
		await this.#readOpened();
	}

	/** Reads the conversation to show; {@link recheck} retries after a failure. */
	async #readOpened(): Promise<void> {
		const opened = this.#opened;
		const error = await this.#try(async () => {
			const view = await commands.getConversation(this.shownId.value, this.#branchId);
			if (opened !== this.#opened) return;
			this.#applySnapshot(view);
			void this.#follow(view);
		});
		if (opened === this.#opened) this.#unopened = error;
	}

	/** Subscribes to the events of a branch; the core first sends the whole answer so far. */
	async #follow(view: ConversationView): Promise<void> {
		const opened = this.#opened;
		await this.#try(() =>
			followBranch(view.id, view.branchId, (event) => {
				if (opened !== this.#opened) return;
				if (!this.transcript.applyEvent(event)) this.reread();
			}),
		);
	}

	/** Rereads the shown conversation. Simultaneous calls share one read; calls during it cause one more. */
	reread(): Promise<unknown> {
		if (this.#reading !== null) {
			this.#again = true;
			return this.#reading;
		}
		this.#reading = this.#try(async () => {
			do {
				await yieldToBrowser();
				this.#again = false;
				const [id, opened] = [this.shownId.value, this.#opened];
				if (id === NEW) return;
				const view = await commands.getConversation(id, this.#branchId);
				// Reading a long one takes as long as rendering it: yield to user input in between.
				await yieldToBrowser();
				if (opened === this.#opened) this.#applySnapshot(view);
			} while (this.#again);
		}).finally(() => {
			this.#reading = null;
		});
		return this.#reading;
	}

	/**
	 * Checks that a locked conversation still is, and rereads it if the event was missed. Retries a failed open,
	 * or opens the newest conversation if that one is gone.
	 */
	async recheck(): Promise<void> {
		const unopened = this.#unopened;
		this.#unopened = null;
		if (hasCode(unopened, "not_found"))
			return this.open(this.conversations.list.value[0]?.id ?? NEW);
		if (unopened !== null) return this.#readOpened();
		const [shown, known, opened] = [this.shown.value, this.lock.value, this.#opened];
		if (shown === null || known === null || !this.locked.value) return;
		await this.#try(async () => {
			const lock = await commands.isLocked(shown.id, shown.branchId);
			const isStill = !lock.canSend && lock.fence === known.fence;
			if (opened === this.#opened && !isStill) this.reread();
		});
	}

	#applySnapshot(view: ConversationView): void {
		// It would lock the page again for a moment; a read after the release is in flight.
		if (isBeforeRelease(view.lock, this.#released.get(view.branchId) ?? 0)) return;
		const known = this.lock.value;
		batch(() => {
			this.shown.value = view;
			this.drafts.restore(view.id, view.draft);
			this.attachments.restore(view.id, view.attachments);
			const sent = view.messages.flatMap(({ attachments }) => attachments.map((file) => file.id));
			this.attachments.sentAnywhere(view.id, sent);
			this.transcript.applySnapshot(view);
			// A snapshot older than a change already received is stale.
			if (known === null || view.lock.fence >= known.fence) this.lock.value = view.lock;
			this.announcement.read(view.messages);
		});
	}

	/** Loads another part of the shown conversation. */
	async load(part: (view: ConversationView) => Promise<void>): Promise<void> {
		const view = this.shown.value;
		if (view !== null) await this.#try(() => part(view));
	}

	/** Sends the draft with its files, or shows why not. Nothing is cleared before the core has accepted it. */
	async send(source: AttemptSource): Promise<void> {
		const id = this.shownId.value;
		if (!this.busy.value && this.attachments.isReading(id)) {
			this.#stillReading.set(STILL_READING);
			return;
		}
		const files = readyFiles(this.attachments.of(id)).map((file) => file.id);
		await this.#send(this.draft.value, files, source, (at, text) => {
			this.drafts.sent(at, text);
			this.attachments.sent(at, files);
		});
	}

	/** Sends another text, and leaves the draft. */
	async sendText(text: string, source: AttemptSource): Promise<void> {
		await this.#send(text, [], source, () => {});
	}

	async #send(
		text: string,
		files: readonly string[],
		source: AttemptSource,
		sent: (at: string, text: string) => void,
	): Promise<void> {
		if (this.busy.value) return this.refuse(source);
		const id = this.shownId.value;
		if (text.trim() === "" && files.length === 0) return;
		// Set before the first await, so that a second press in the same instant finds it.
		this.#markSending(id, true);
		let at = id;
		try {
			if (at === NEW) {
				this.#uncounted.length = 0;
				at = await this.#create();
			}
			const requestId = crypto.randomUUID();
			const attached = files.length > 0 ? [...files] : null;
			const outcome = await commands.sendMessage(
				at,
				this.#branchOf(at),
				text,
				requestId,
				source,
				attached,
			);
			sent(at, text);
			if (at === this.shownId.value) this.#applyAccepted(outcome);
		} catch (error) {
			if (hasCode(error, "generation_in_progress")) await this.#onConflict();
			else this.toasts.error(messageOf(error));
		} finally {
			this.#markSending(id, false);
			if (at !== id) this.#markSending(at, false);
		}
		if (at !== this.shownId.value) return;
		await this.load((view) => this.transcript.showLatest(view));
		this.reread();
	}

	async #create(): Promise<string> {
		const created = await commands.createConversation(null, this.newModel.value);
		try {
			if (isAnySet(this.newParameters.value)) {
				await commands.setConversationParameters(created.id, this.newParameters.value);
			}
			await this.attachments.adopt(created.id);
		} catch (error) {
			// An answer without these parameters and files is not wanted, nor is an empty conversation.
			await commands.deleteConversation(created.id).catch(() => {});
			throw error;
		}
		// In one render, so that the user keeps typing in the same field.
		const opened = batch(() => {
			this.#markSending(created.id, true);
			this.drafts.adopt(created.id);
			this.typing.adopt(NEW, created.id);
			if (this.shownId.value !== NEW) return undefined;
			this.newModel.value = null;
			this.newParameters.value = NO_PARAMETERS;
			return this.#open(created.id);
		});
		for (const source of this.#uncounted.splice(0)) this.#count(created.id, source);
		await opened;
		return created.id;
	}

	/** Locks the composer on acceptance, without waiting for the event that follows. */
	#applyAccepted(outcome: {
		generationId: string;
		assistantMessageId: string;
		fence: number;
	}): void {
		const known = this.lock.value;
		if (known !== null && outcome.fence <= known.fence) return;
		this.lock.value = {
			locked: true,
			canSend: false,
			generationId: outcome.generationId,
			messageId: outcome.assistantMessageId,
			userId: null,
			lockedAt: null,
			expiresAt: null,
			fence: outcome.fence,
		};
	}

	/** Shows that an answer is being written, until it has ended. */
	#askToWait(): void {
		this.toasts.show({ text: PLEASE_WAIT, kind: "refusal" });
	}

	/**
	 * Handles a conflict with another window. The send ends only after the lock is read, because the refusal is
	 * dismissed as soon as the page is not busy.
	 */
	async #onConflict(): Promise<void> {
		this.#askToWait();
		await this.reread();
	}

	/** Shows that an answer is being written, and counts the attempt. */
	refuse(source: AttemptSource): void {
		this.#askToWait();
		const id = this.shownId.value;
		if (id === NEW) this.#uncounted.push(source);
		else this.#count(id, source);
	}

	/** Counts a refused attempt for the metrics; the refusal does not depend on it. */
	#count(id: string, source: AttemptSource): void {
		commands.recordRefusedAttempt(id, this.#branchOf(id), source).catch(() => {});
	}

	/** Generates another answer: after a failure, or as another version. */
	async answerAgain(messageId: string, source: AttemptSource): Promise<void> {
		if (this.busy.value) return this.refuse(source);
		const id = this.shownId.value;
		this.#markSending(id, true);
		await this.#try(async () => {
			const requestId = crypto.randomUUID();
			const outcome = await commands.generateResponse(messageId, null, requestId, source);
			if (id !== this.shownId.value) return;
			// Messages from another window follow, so the answer is on a separate branch.
			if (outcome.branchId === this.shown.value?.branchId) this.#applyAccepted(outcome);
			else await this.#open(id, outcome.branchId);
		});
		this.#markSending(id, false);
		this.reread();
	}

	/** Shows another version of a message, and what followed it. */
	async select(messageId: string): Promise<void> {
		if (this.busy.value) return this.#askToWait();
		const id = this.shownId.value;
		await this.#try(async () => {
			const { branchId } = await commands.selectVersion(messageId);
			if (id !== this.shownId.value) return;
			if (branchId === this.shown.value?.branchId) await this.reread();
			else await this.#open(id, branchId);
			await this.load((view) => this.transcript.show(view, messageId));
		});
	}

	async stop(): Promise<void> {
		const generationId = this.lock.value?.generationId;
		if (generationId == null || this.stopping.value === generationId) return;
		this.stopping.value = generationId;
		await this.#try(async () => {
			await commands.stopGeneration(generationId);
		});
		if (this.stopping.value === generationId) this.stopping.value = null;
		this.reread();
	}

	async openWindow(): Promise<void> {
		const id = this.shownId.value;
		await this.#try(async () => {
			await commands.openWindow(id === NEW ? null : id);
		});
	}

	async rename(id: string, title: string): Promise<void> {
		await this.#try(async () => {
			await commands.renameConversation(id, title);
		});
	}

	/** Deletes a conversation, and offers Undo. */
	async remove(id: string, title: string): Promise<void> {
		const isShown = id === this.shownId.value;
		this.drafts.flush();
		await this.drafts.whenSaved();
		await this.#try(() => this.deletions.remove({ id, title, isShown }));
	}

	async chooseModel(modelId: string): Promise<void> {
		const view = this.shown.value;
		if (view === null) {
			this.newModel.value = modelId;
			return;
		}
		await this.#try(async () => {
			await commands.setConversationModel(view.id, modelId);
		});
		this.reread();
	}

	/** Sets the parameters of a conversation; rejects if the core does. */
	async setParameters(id: string, parameters: Parameters): Promise<void> {
		if (id === NEW) {
			this.newParameters.value = parameters;
			return;
		}
		await commands.setConversationParameters(id, parameters);
		const view = this.shown.value;
		if (view?.id === id) this.shown.value = { ...view, parameters };
	}

	lockChanged(change: LockChanged): void {
		if (!change.locked) this.#released.set(change.branchId, change.fence);
		this.conversations.lockChanged(change, this.shownId.value);
		if (change.conversationId !== this.shownId.value) return;
		const known = this.lock.value;
		if (change.branchId === this.shown.value?.branchId && known !== null) {
			if (!isNewer(known, change)) return;
			this.lock.value = lockAfter(change);
			if (!change.locked) this.announcement.ended(change.messageId);
		}
		this.reread();
	}

	conversationChanged(change: ConversationChanged): void {
		if (change.deleted) {
			this.conversations.removed(change.conversationId);
			if (change.conversationId === this.shownId.value) {
				void this.open(this.conversations.list.value[0]?.id ?? NEW);
			}
		} else if (change.conversationId === this.shownId.value) {
			this.reread();
		}
		const changedId = change.deleted ? null : change.conversationId;
		void this.#try(() => this.conversations.refresh(changedId));
	}

	/** Rereads what may have been missed while the window was hidden or not focused. */
	resync(): void {
		this.reread();
		this.conversations.markRead(this.shownId.value);
		void this.#try(() => this.conversations.refresh());
	}

	/** Returns the branch to send to; null for `main`. */
	#branchOf(id: string): string | null {
		return id === this.shownId.value ? this.#branchId : null;
	}

	#markSending(id: string, sending: boolean): void {
		const others = [...this.#sending.value].filter((other) => other !== id);
		this.#sending.value = new Set(sending ? [...others, id] : others);
	}

	/** Runs an action and shows its error. Returns the error, or null. */
	async #try(action: () => Promise<void>): Promise<unknown> {
		try {
			await action();
			return null;
		} catch (error) {
			if (hasCode(error, "not_found")) {
				// Deleted by another window; its event is in flight.
				await this.conversations.refresh().catch(() => {});
			} else if (isIpcError(error) && FATAL_CODES.has(error.code) && this.shown.value === null) {
				this.fatal.value = error;
			} else if (hasCode(error, "generation_in_progress")) {
				await this.#onConflict();
			} else {
				this.toasts.error(messageOf(error));
			}
			return error;
		}
	}
}
