/**
 * One branch of a conversation, as a window shows it, and the user's actions in it. The core owns the lock: here are
 * its latest snapshot and the changes since. There is one definition of "busy", shared by the button, the input and
 * the refusal. A session that is closed keeps no messages, but what it has begun to send goes on.
 */
import { batch, computed, signal } from "@preact/signals-core";
import type {
	Accepted,
	AttemptSource,
	ConversationSummary,
	ConversationView,
	LockChanged,
	LockStatus,
	Message,
	PageEvent,
	SendOutcome,
	SendPolicy,
} from "../../ipc/bindings";
import { type Branch, type BranchKey, branchKey, NEW } from "../../ipc/branch";
import { hasCode, messageOf } from "../../ipc/errors";
import { yieldToBrowser } from "../../shared/time";
import { BranchQueue } from "../queue/queue";
import type { ToastAction } from "../toasts/toasts";
import { isNewer, lockAccepted, lockAfter } from "./lock";
import { MessageEditor } from "./message/editor";
import type { SessionContext } from "./session-context";
import { Transcript } from "./transcript/transcript";
import { VersionReader } from "./transcript/version-reader";

export class BranchSession {
	readonly branch: Branch;
	/** Also of its draft and its files. */
	readonly key: BranchKey;
	readonly transcript: Transcript;
	readonly versions: VersionReader;
	readonly editor = new MessageEditor();
	readonly queue: BranchQueue;
	/** The last snapshot; null until it is read, and of a conversation that does not exist yet. */
	readonly view = signal<ConversationView | null>(null);
	readonly lock = signal<LockStatus | null>(null);
	/** The generation that is being stopped and has not ended yet. */
	readonly stopping = signal<string | null>(null);
	readonly #context: SessionContext;
	/** Identifies the current opening; null while closed. */
	#opening: object | null = null;
	/** Why it could not be read. */
	#unopened: unknown = null;
	#reading: Promise<unknown> | null = null;
	/** A press of Send while another send was on its way. */
	#pressed: AttemptSource | null = null;
	#again = false;

	/** An answer is being written here, or may not be started. Until the lock is read, the list decides. */
	readonly locked = computed(() => {
		const lock = this.lock.value;
		return lock !== null ? !lock.canSend : this.#context.isListedBusy(this.branch.conversationId);
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
	readonly busy = computed(() => this.locked.value || this.#isSending);
	/** An answer is being written on this branch, or is about to be: its head must stay. */
	readonly holdsHead = computed(
		() => this.#isSending || (this.lock.value?.locked ?? this.locked.value),
	);
	/** What a send does while an answer is being written. */
	readonly policy = computed(
		() => this.view.value?.sendPolicy ?? this.#context.defaultPolicy.value,
	);
	/** A send would be refused. */
	readonly refusesSend = computed(
		() => this.#isSending || (this.locked.value && this.policy.value === "reject"),
	);
	/** The message field is closed, and what is typed goes to the next message's. */
	readonly closesField = computed(() => this.busy.value && this.policy.value === "reject");
	/** `provider/model`; null for the default. */
	readonly modelId = computed(() =>
		this.isNew ? this.#context.newConversation.modelId.value : (this.view.value?.modelId ?? null),
	);
	/** Null until they are read. */
	readonly parameters = computed(() =>
		this.isNew
			? this.#context.newConversation.parameters.value
			: (this.view.value?.parameters ?? null),
	);

	constructor(branch: Branch, context: SessionContext) {
		this.branch = branch;
		this.key = branchKey(branch);
		this.#context = context;
		this.transcript = new Transcript(context.commands, context.viewport);
		this.versions = new VersionReader(context.commands, context.viewport);
		this.queue = new BranchQueue(branch, {
			commands: context.commands,
			attempt: (action) => this.#try(action),
			offerUndo: context.offerUndo,
		});
	}

	get #isSending(): boolean {
		return this.#context.sending.has(this.key);
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
		this.#opening = {};
		this.#unopened = null;
		if (this.isNew) {
			void this.#try(() => this.#context.files.restoreNew());
			return;
		}
		this.#context.drafts.expect(this.key);
		await this.#read();
	}

	/** Drops what was read: it may change while nothing shows it. */
	close(): void {
		this.#opening = null;
		batch(() => {
			this.view.value = null;
			this.lock.value = null;
			this.versions.leave();
			this.transcript.clear();
			this.queue.close();
		});
	}

	async #read(): Promise<void> {
		const opening = this.#opening;
		const { conversationId, branchId } = this.branch;
		const error = await this.#try(async () => {
			const view = await this.#context.commands.getConversation(conversationId, branchId);
			if (opening !== this.#opening) return;
			if (!this.#applySnapshot(view)) this.reread();
			void this.#follow(view);
		});
		if (opening === this.#opening) this.#unopened = error;
	}

	/** Subscribes to the events of the branch; the core first sends the whole answer so far. */
	async #follow(view: ConversationView): Promise<void> {
		const opening = this.#opening;
		await this.#try(async () => {
			await this.#context.commands.followBranch(view.id, view.branchId, (event) => {
				if (opening === this.#opening) this.#applyEvent(event);
			});
		});
	}

	#applyEvent(event: PageEvent): void {
		if (!this.transcript.applyEvent(event)) {
			this.reread();
			return;
		}
		const { files, announcement } = this.#context;
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
			const isGone = hasCode(error, "not_found") && branchId !== null && this.#opening !== null;
			if (isGone) await this.#context.show({ conversationId, branchId: null });
			else await this.#context.fail(error);
		}
	}

	async #readUntilCurrent(): Promise<void> {
		let mayBeOlder = true;
		do {
			await yieldToBrowser();
			this.#again = false;
			const opening = this.#opening;
			if (opening === null || this.isNew) return;
			const { conversationId, branchId } = this.branch;
			const view = await this.#context.commands.getConversation(conversationId, branchId);
			// Reading a long one takes as long as rendering it: yield to user input in between.
			await yieldToBrowser();
			if (opening !== this.#opening || this.#applySnapshot(view)) continue;
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
		const [view, known, opening] = [this.view.value, this.lock.value, this.#opening];
		if (view === null || known === null || !this.locked.value) return;
		await this.#try(async () => {
			const lock = await this.#context.commands.isLocked(view.id, view.branchId);
			const isStill = !lock.canSend && lock.fence === known.fence;
			if (opening === this.#opening && !isStill) this.reread();
		});
	}

	/** Returns false for a snapshot that is older than a change of the lock already received: it is to be read again. */
	#applySnapshot(view: ConversationView): boolean {
		const { drafts, files, releases, announcement } = this.#context;
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
		const { announcement } = this.#context;
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
		else if (this.#opening !== null && !this.isNew) this.reread();
	}

	loadEarlier(): Promise<void> {
		return this.#load((view) => this.drawn.value.loadEarlier(view));
	}

	loadLater(): Promise<void> {
		return this.#load((view) => this.drawn.value.loadLater(view));
	}

	/** Loads the end of what is drawn. */
	loadEnd(): Promise<void> {
		return this.#load((view) => this.drawn.value.showLatest(view));
	}

	/** Shows the end of the branch. */
	showLatest(): Promise<void> {
		this.versions.leave();
		return this.loadEnd();
	}

	/** Shows a message of the branch with those around it. */
	showMessage(messageId: string): Promise<void> {
		this.versions.leave();
		return this.#load((view) => this.transcript.show(view, messageId));
	}

	async #load(part: (view: ConversationView) => Promise<void>): Promise<void> {
		const view = this.view.value;
		if (view !== null) await this.#try(() => part(view));
	}

	/** Sends the draft with its files, or shows why not. Nothing is cleared before the core has accepted it. */
	async send(source: AttemptSource): Promise<void> {
		const { drafts, files, refusals } = this.#context;
		// While a send is on its way, a press is about what was typed behind its text.
		if (this.#isSending && this.policy.value !== "reject") {
			this.#pressed = source;
			return;
		}
		if (this.refusesSend.value) return this.#refuseSend(source);
		if (files.isReading(this.key)) return refusals.askToWaitForFiles();
		const ids = files.readyIds(this.key);
		this.#pressed = null;
		let isSent = false;
		await this.#send({ content: drafts.of(this.key), fileIds: ids, source }, (to, text) => {
			drafts.sent(to.key, text);
			files.sent(to.key, ids);
			isSent = true;
		});
		if (isSent && this.#pressed !== null) await this.send(this.#pressed);
	}

	/**
	 * Sends everything in the composer, also what was typed for the next message: by a policy for this send alone,
	 * after another one has refused it.
	 */
	async sendBy(policy: SendPolicy, source: AttemptSource): Promise<void> {
		const { drafts, files, refusals } = this.#context;
		if (this.#isSending) return;
		if (files.isReading(this.key)) return refusals.askToWaitForFiles();
		const ids = files.readyIds(this.key);
		const content = drafts.whole(this.key);
		await this.#send({ content, fileIds: ids, source, policy }, (to, text) => {
			drafts.sentWhole(to.key, text);
			files.sent(to.key, ids);
		});
	}

	/** Sends another text, and leaves the draft. */
	async sendText(text: string, source: AttemptSource): Promise<void> {
		if (this.refusesSend.value) return this.refuse(source);
		await this.#send({ content: text, fileIds: [], source }, () => {});
	}

	async #send(
		{ content, fileIds, source, policy = null }: Sent,
		onAccepted: (to: BranchSession, content: string) => void,
	): Promise<void> {
		if (content.trim() === "" && fileIds.length === 0) return;
		const { commands, sending, showError } = this.#context;
		// Set before the first await, so that a second press in the same instant finds it.
		sending.start(this.key);
		let to: BranchSession = this;
		let isAccepted = false;
		try {
			if (this.isNew) to = await this.#context.create();
			const { conversationId, branchId } = to.branch;
			const outcome = await commands.sendMessage(
				conversationId,
				branchId,
				content,
				crypto.randomUUID(),
				source,
				fileIds.length > 0 ? fileIds : null,
				policy,
			);
			onAccepted(to, content);
			isAccepted = outcome.type === "accepted";
			if (outcome.type === "accepted") to.#applyAccepted(outcome);
			else await to.queue.read();
		} catch (error) {
			if (hasCode(error, "generation_in_progress")) await to.onConflict(to.#waysOut());
			else showError(messageOf(error));
		} finally {
			sending.end(this.key);
			if (to !== this) sending.end(to.key);
		}
		if (isAccepted && to.#opening !== null) await to.showLatest();
	}

	/** Locks the composer on acceptance, without waiting for the event that follows. */
	#applyAccepted(accepted: Accepted): void {
		const known = this.lock.value;
		if (this.#opening === null || (known !== null && accepted.fence <= known.fence)) return;
		this.lock.value = lockAccepted(accepted);
	}

	/**
	 * Handles a conflict with another window. An action ends only after the lock is read, because the refusal is
	 * dismissed as soon as the page is not busy.
	 */
	async onConflict(waysOut: readonly ToastAction[] = []): Promise<void> {
		this.#context.refusals.askToWait(this.#busyElsewhere(), waysOut);
		await this.reread();
	}

	/** Shows that an answer is being written, and counts the attempt. */
	refuse(source: AttemptSource): void {
		this.#refuse(source, []);
	}

	/** As {@link refuse}, and offers what else can be done with the text. */
	#refuseSend(source: AttemptSource): void {
		this.#refuse(source, this.#waysOut());
	}

	#refuse(source: AttemptSource, waysOut: readonly ToastAction[]): void {
		this.#context.refusals.askToWait(this.#busyElsewhere(), waysOut);
		if (this.isNew) this.#context.newConversation.refused(source);
		else this.countRefused(source);
	}

	/** Returns the other ways to send what is in the composer; none if nothing is. */
	#waysOut(): readonly ToastAction[] {
		const { drafts, files } = this.#context;
		const isEmpty = drafts.whole(this.key).trim() === "" && files.readyIds(this.key).length === 0;
		if (isEmpty || this.isNew) return [];
		const queue: ToastAction = {
			name: "queue",
			label: "Queue",
			run: () => void this.sendBy("queue", "button"),
		};
		// It would not stop the answer of another branch.
		if (this.#busyElsewhere() !== null) return [queue];
		const stopAndSend: ToastAction = {
			name: "stop-and-send",
			label: "Stop and send",
			run: () => void this.sendBy("interrupt", "button"),
		};
		return [queue, stopAndSend];
	}

	/** Returns the name of the branch that uses up the capacity while this one is free; null otherwise. */
	#busyElsewhere(): string | null {
		const lock = this.lock.value;
		if (lock === null || lock.locked || lock.canSend) return null;
		return this.branches.value.find(({ locked }) => locked)?.name ?? null;
	}

	/** Counts a refused attempt for the metrics; the refusal does not depend on it. */
	countRefused(source: AttemptSource): void {
		const { conversationId, branchId } = this.branch;
		this.#context.commands.recordRefusedAttempt(conversationId, branchId, source).catch(() => {});
	}

	/** Generates another answer: after a failure, or as another version. */
	async answerAgain(messageId: string, source: AttemptSource): Promise<void> {
		if (this.busy.value) return this.refuse(source);
		const { commands, sending } = this.#context;
		sending.start(this.key);
		await this.#try(async () => {
			const requestId = crypto.randomUUID();
			const outcome = await commands.generateResponse(messageId, null, requestId, source);
			if (this.#opening === null) return;
			await this.#showAccepted(outcome);
		});
		sending.end(this.key);
	}

	/**
	 * Sends the edited message, beside the version that it is made of. The editor keeps its text unless the core has
	 * accepted it.
	 */
	async sendEdit(source: AttemptSource): Promise<void> {
		if (this.busy.value) return this.refuse(source);
		const { commands, sending } = this.#context;
		await this.editor.submit(async ({ messageId, text, files }) => {
			sending.start(this.key);
			const error = await this.#try(async () => {
				const fileIds = files.map(({ id }) => id);
				const requestId = crypto.randomUUID();
				await this.#showAccepted(
					await commands.editMessage(messageId, text, fileIds, requestId, source),
				);
			});
			sending.end(this.key);
			return error === null;
		});
	}

	/** Shows an answer that has started, which may be on another branch: of an answer that ended badly, for example. */
	async #showAccepted(outcome: SendOutcome): Promise<void> {
		if (this.#opening === null || outcome.type !== "accepted") return;
		if (outcome.branchId !== this.view.value?.branchId) {
			await this.#showSending(this.#sibling(outcome.branchId));
			return;
		}
		this.#applyAccepted(outcome);
		await this.showLatest();
	}

	/** Begins a branch after a message, and shows it. */
	async fork(messageId: string): Promise<void> {
		await this.#try(async () => {
			const { id } = await this.#context.commands.forkBranch(messageId, null);
			if (this.#opening !== null) await this.#context.show(this.#sibling(id));
		});
	}

	/** Shows another branch of the conversation. */
	async showBranch(branchId: string): Promise<void> {
		if (branchId !== this.view.value?.branchId) await this.#context.show(this.#sibling(branchId));
	}

	/** Shows another branch, which is busy until its lock is read. */
	async #showSending(branch: Branch): Promise<void> {
		const { sending, show } = this.#context;
		sending.start(branchKey(branch));
		try {
			await show(branch);
		} finally {
			sending.end(branchKey(branch));
		}
	}

	/**
	 * Goes to another version of a message, and what followed it; only to read it while an answer is being written. Returns
	 * whether it is shown. It is of this branch, unless another is named, which only the core knows to be busy or not.
	 */
	async select(messageId: string, versionBranchId?: string): Promise<boolean> {
		const isOwn = versionBranchId === undefined || versionBranchId === this.view.value?.branchId;
		if (isOwn && this.holdsHead.value) return this.#readVersion(messageId);
		const error = await this.#try(async () => {
			try {
				await this.#select(messageId);
			} catch (error) {
				// The version is of another branch, or another window was faster.
				if (!hasCode(error, "generation_in_progress")) throw error;
				await Promise.all([this.reread(), this.#readVersion(messageId)]);
			}
		});
		return error === null;
	}

	/** Goes on from the version that is read, unless an answer is being written. */
	async continueFromVersion(): Promise<void> {
		const version = this.versions.reading.value?.version;
		if (version == null) return;
		if (this.holdsHead.value) return this.#context.refusals.askToWait(null, []);
		await this.#try(() => this.#select(version));
	}

	async #select(messageId: string): Promise<void> {
		const { branchId } = await this.#context.commands.selectVersion(messageId);
		if (this.#opening === null) return;
		let to: BranchSession = this;
		if (branchId === this.view.value?.branchId) await this.reread();
		else to = await this.#context.show(this.#sibling(branchId));
		await to.showMessage(messageId);
	}

	/** Shows a version to read. Returns whether it is shown. */
	async #readVersion(messageId: string): Promise<boolean> {
		const [view, opening] = [this.view.value, this.#opening];
		if (view === null) return false;
		const error = await this.#try(async () => {
			const isOther = await this.versions.read(view, messageId);
			if (!isOther && opening === this.#opening) await this.transcript.show(view, messageId);
		});
		return error === null;
	}

	/** Returns another branch of the conversation. */
	#sibling(branchId: string): Branch {
		const isMain = branchId === this.view.value?.mainBranchId;
		return { conversationId: this.branch.conversationId, branchId: isMain ? null : branchId };
	}

	async stop(): Promise<void> {
		const generationId = this.lock.value?.generationId;
		if (generationId == null || this.stopping.value === generationId) return;
		this.stopping.value = generationId;
		await this.#try(async () => {
			const { stopped } = await this.#context.commands.stopGeneration(generationId);
			if (!stopped) this.reread();
		});
		if (this.stopping.value === generationId) this.stopping.value = null;
	}

	async chooseModel(modelId: string): Promise<void> {
		const view = this.view.value;
		if (view === null) {
			this.#context.newConversation.modelId.value = modelId;
			return;
		}
		await this.#try(async () => {
			await this.#context.commands.setConversationModel(view.id, modelId);
		});
	}

	/** Runs an action and shows its error. Returns the error, or null. */
	async #try(action: () => Promise<void>): Promise<unknown> {
		try {
			await action();
			return null;
		} catch (error) {
			if (hasCode(error, "generation_in_progress")) await this.onConflict();
			else await this.#context.fail(error);
			return error;
		}
	}
}

/** What is sent, and how. */
interface Sent {
	readonly content: string;
	readonly fileIds: string[];
	readonly source: AttemptSource;
	/** Null for the conversation's own. */
	readonly policy?: SendPolicy | null;
}

function filesOf(messages: readonly Message[]): string[] {
	return messages.flatMap(({ attachments }) => attachments.map((file) => file.id));
}
