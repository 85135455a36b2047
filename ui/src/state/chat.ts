/**
 * The shown conversation and what the user may do in it. The lock's truth is in the core: here is its
 * latest snapshot and the changes since. There is one definition of "busy", which the button, the
 * input and the refusal share.
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
} from "../ipc/host";
import { readBase64 } from "../lib/base64";
import { yieldToBrowser } from "../lib/yield-to-browser";
import { Announcement } from "./announcement";
import { Attachments, readyFiles } from "./attachments";
import { Conversations } from "./conversations";
import { Deletions } from "./deletions";
import { Drafts, NEW } from "./drafts";
import { isBeforeRelease, isNewer, lockAfter } from "./lock";
import { Models } from "./models";
import { isAnySet, NO_PARAMETERS } from "./parameters";
import { Toasts, TransientError } from "./toasts";
import { Transcript } from "./transcript";
import { Typing } from "./typing";

const STILL_READING = "A file is still being read: send when it is ready";

const PLEASE_WAIT = "Generation in progress, please wait...";

/** How often a locked page makes sure that it still is, in ms. */
const RECHECK = 5000;

/** Errors that last, also where everything has worked before. */
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
	/** The generation that was asked to stop and has not ended yet. */
	readonly stopping = signal<string | null>(null);
	readonly announcement = new Announcement();
	/** The model chosen before its conversation exists. */
	readonly newModel = signal<string | null>(null);
	/** The parameters set before their conversation exists. */
	readonly newParameters = signal(NO_PARAMETERS);
	/** Conversations with a send on its way to the core. */
	readonly #sending = signal<ReadonlySet<string>>(new Set());
	/** Refused attempts in a conversation that is being created, which can be counted when it is. */
	readonly #uncounted: AttemptSource[] = [];
	/** The shown branch; null for `main`. */
	#branchId: string | null = null;
	#opened = 0;
	/** Why the conversation to be shown could not be read. */
	#unopened: unknown = null;
	/** The fences of the releases that were told, by branch. A lease that only expired may be renewed. */
	readonly #released = new Map<string, number>();
	#reading: Promise<unknown> | null = null;
	#again = false;

	/** An answer is being written here, or may not be started. Until the lock is read, the list knows. */
	readonly locked = computed(() => {
		const lock = this.lock.value;
		if (lock !== null) return !lock.canSend;
		const id = this.shownId.value;
		return this.conversations.list.value.some((listed) => listed.busy && listed.id === id);
	});
	/** A send would be refused. */
	readonly busy = computed(() => this.locked.value || this.#sending.value.has(this.shownId.value));
	/** What a send would send. */
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
	/** What the shown conversation asks of its model; null until it is read. */
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
	 * Reads what there is and shows a conversation: the one that is named, or else the newest, but
	 * where somebody has begun to type already, that.
	 */
	async start(id: string): Promise<void> {
		const list = this.conversations.refresh();
		// Asked for beside the list, because a start that waited for one after the other took longer.
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

	/** Shows a conversation; {@link NEW} is one that its first message creates. */
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

	/** Reads the conversation to be shown; {@link recheck} tries again what failed. */
	async #readOpened(): Promise<void> {
		const opened = this.#opened;
		const error = await this.#try(async () => {
			const view = await commands.getConversation(this.shownId.value, this.#branchId);
			if (opened !== this.#opened) return;
			this.#take(view);
			void this.#follow(view);
		});
		if (opened === this.#opened) this.#unopened = error;
	}

	/** Has what happens on a branch told to this page; the core begins with all there is so far. */
	async #follow(view: ConversationView): Promise<void> {
		const opened = this.#opened;
		await this.#try(() =>
			followBranch(view.id, view.branchId, (event) => {
				if (opened !== this.#opened) return;
				if (!this.transcript.applyEvent(event)) this.reread();
			}),
		);
	}

	/**
	 * Reads the shown conversation anew. What is told at the same time is answered by one reading, calls
	 * in the meantime by one more.
	 */
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
				// To read a long one takes as long as to draw it: the user gets a turn in between.
				await yieldToBrowser();
				if (opened === this.#opened) this.#take(view);
			} while (this.#again);
		}).finally(() => {
			this.#reading = null;
		});
		return this.#reading;
	}

	/**
	 * Makes sure that a locked conversation still is, and reads it anew where that was not told. Opens what
	 * could not be opened, or where that is gone, the newest.
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

	#take(view: ConversationView): void {
		// It would lock the page again for a moment; a reading after the release is on its way.
		if (isBeforeRelease(view.lock, this.#released.get(view.branchId) ?? 0)) return;
		const known = this.lock.value;
		batch(() => {
			this.shown.value = view;
			this.drafts.restore(view.id, view.draft);
			this.attachments.restore(view.id, view.attachments);
			const sent = view.messages.flatMap(({ attachments }) => attachments.map((file) => file.id));
			this.attachments.sentAnywhere(view.id, sent);
			this.transcript.applySnapshot(view);
			// A snapshot from before a change that has been told is out of date.
			if (known === null || view.lock.fence >= known.fence) this.lock.value = view.lock;
			this.announcement.read(view.messages);
		});
	}

	/** Loads another part of the shown conversation. */
	async load(part: (view: ConversationView) => Promise<void>): Promise<void> {
		const view = this.shown.value;
		if (view !== null) await this.#try(() => part(view));
	}

	/** Sends the draft with its files, or says why not. Nothing is taken away before the core has it. */
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

	/** Sends something else, and leaves the draft. */
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
		// Set before anything is awaited: a second press in the same instant finds it.
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
			if (at === this.shownId.value) this.#lockedBy(outcome);
		} catch (error) {
			if (hasCode(error, "generation_in_progress")) await this.#overtaken();
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
			// An answer that does not keep to them is not wanted, nor an empty conversation.
			await commands.deleteConversation(created.id).catch(() => {});
			throw error;
		}
		// In one drawing: who types on meanwhile, types in the same field.
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

	/** The composer locks with the acceptance, and does not wait for the event that follows it. */
	#lockedBy(outcome: { generationId: string; assistantMessageId: string; fence: number }): void {
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

	/** Says that an answer is being written, until it has ended. */
	#askToWait(): void {
		this.toasts.show({ text: PLEASE_WAIT, kind: "refusal" });
	}

	/** Another window was first. The lock is read before anything is free again: the refusal goes with it. */
	async #overtaken(): Promise<void> {
		this.#askToWait();
		await this.reread();
	}

	/** Says that an answer is being written, and has the attempt counted. */
	refuse(source: AttemptSource): void {
		this.#askToWait();
		const id = this.shownId.value;
		if (id === NEW) this.#uncounted.push(source);
		else this.#count(id, source);
	}

	/** The count is for the metrics; the user's refusal does not depend on it. */
	#count(id: string, source: AttemptSource): void {
		commands.recordRefusedAttempt(id, this.#branchOf(id), source).catch(() => {});
	}

	/** Answers again: after a failure, or for another version. */
	async answerAgain(messageId: string, source: AttemptSource): Promise<void> {
		if (this.busy.value) return this.refuse(source);
		const id = this.shownId.value;
		this.#markSending(id, true);
		await this.#try(async () => {
			const requestId = crypto.randomUUID();
			const outcome = await commands.generateResponse(messageId, null, requestId, source);
			if (id !== this.shownId.value) return;
			// What another window has written since follows, so the answer has a branch of its own.
			if (outcome.branchId === this.shown.value?.branchId) this.#lockedBy(outcome);
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

	/** Deletes a conversation, and offers to undo that. */
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

	/** Sets what a conversation asks of its model; rejects where the core does not take it. */
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

	/** The window is looked at again: whatever was missed, read it. */
	resync(): void {
		this.reread();
		this.conversations.markRead(this.shownId.value);
		void this.#try(() => this.conversations.refresh());
	}

	/** The branch to send to. */
	#branchOf(id: string): string | null {
		return id === this.shownId.value ? this.#branchId : null;
	}

	#markSending(id: string, sending: boolean): void {
		const others = [...this.#sending.value].filter((other) => other !== id);
		this.#sending.value = new Set(sending ? [...others, id] : others);
	}

	/** Does something, and tells the user where it fails. Returns why it failed; null where it did not. */
	async #try(action: () => Promise<void>): Promise<unknown> {
		try {
			await action();
			return null;
		} catch (error) {
			if (hasCode(error, "not_found")) {
				// Deleted by another window; the event that says so is on its way.
				await this.conversations.refresh().catch(() => {});
			} else if (isIpcError(error) && FATAL_CODES.has(error.code) && this.shown.value === null) {
				this.fatal.value = error;
			} else if (hasCode(error, "generation_in_progress")) {
				await this.#overtaken();
			} else {
				this.toasts.error(messageOf(error));
			}
			return error;
		}
	}
}
