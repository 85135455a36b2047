/**
 * A window's conversations: which branch is shown, the list, and what outlasts a switch (drafts, files, sends in
 * flight, toasts). Everything about one branch is in its {@link BranchSession}.
 */
import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals-core";
import type {
	ConversationChanged,
	ErrorCode,
	IpcError,
	LockChanged,
	Parameters,
	QueueChanged,
	SendPolicy,
} from "../../ipc/bindings";
import { type Branch, type BranchKey, branchKey, NEW } from "../../ipc/branch";
import { failureOf, hasCode, isIpcError, messageOf } from "../../ipc/errors";
import type { Commands } from "../../ipc/host";
import { Attachments } from "../attachments/attachments";
import { readBase64 } from "../attachments/base64";
import { Announcement } from "../chat/announcement";
import { Drafts } from "../chat/composer/drafts";
import { Typing } from "../chat/composer/typing";
import { Releases } from "../chat/lock";
import { NewConversation } from "../chat/new-conversation";
import { Refusals } from "../chat/refusals";
import { Sending } from "../chat/sending";
import { BranchSession } from "../chat/session";
import type { SessionContext } from "../chat/session-context";
import type { Viewport } from "../chat/transcript/transcript";
import { Conversations } from "../sidebar/conversations";
import { Deletions } from "../sidebar/deletions";
import { Toasts, TransientError } from "../toasts/toasts";

/** Interval at which a locked page checks that it still is, in ms. */
const RECHECK = 5000;

/** Errors that persist, even if everything has worked before. */
const FATAL_CODES: ReadonlySet<ErrorCode> = new Set(["database_corrupt", "not_a_database"]);

export class Workspace {
	readonly toasts = new Toasts();
	readonly conversations: Conversations;
	readonly deletions: Deletions;
	readonly drafts: Drafts;
	readonly attachments: Attachments;
	readonly newConversation: NewConversation;
	readonly announcement = new Announcement();
	/** What a send does while an answer is being written, in conversations that do not say otherwise. */
	readonly defaultPolicy = signal<SendPolicy>("reject");
	/** Why the application cannot be used. */
	readonly fatal = signal<Readonly<IpcError> | null>(null);
	/** The shown conversation; {@link NEW} for one that does not exist yet. */
	readonly shownId = computed(() => this.shown.value.branch.conversationId);
	/** The shown branch as it was last read; null until then, and of a conversation that does not exist yet. */
	readonly view = computed(() => this.shown.value.view.value);
	/** In the shown branch, no other answer can be started. */
	readonly busy = computed(() => this.shown.value.busy.value);
	/** The text that a send would send. */
	readonly draft = computed(() => this.drafts.of(this.shown.value.key));
	readonly typing: Typing;
	readonly #commands: Commands;
	readonly #context: SessionContext;
	readonly #sending = new Sending();
	readonly #releases = new Releases();
	/** Of all branches that were shown: a closed one is small, and what it has begun to send goes on. */
	readonly #sessions = new Map<BranchKey, BranchSession>();
	readonly #shown: Signal<BranchSession>;

	constructor(commands: Commands, viewport: Viewport) {
		this.#commands = commands;
		const { toasts } = this;
		const unsaved = new TransientError(toasts, null);
		this.drafts = new Drafts(commands, (reason) => unsaved.set(reason));
		this.attachments = new Attachments(commands, readBase64, (reason) => toasts.error(reason));
		this.conversations = new Conversations(commands);
		this.deletions = new Deletions(commands, toasts, (id) => void this.open(id));
		this.newConversation = new NewConversation(commands, this.attachments);
		const refusals = new Refusals(toasts, new TransientError(toasts));
		this.#context = {
			commands,
			viewport,
			refusals,
			drafts: this.drafts,
			files: this.attachments,
			newConversation: this.newConversation,
			announcement: this.announcement,
			sending: this.#sending,
			releases: this.#releases,
			defaultPolicy: this.defaultPolicy,
			isListedBusy: (id) => this.conversations.isBusy(id),
			create: () => this.#create(),
			show: (branch) => this.#show(branch),
			fail: (error) => this.#fail(error),
			showError: (text) => toasts.error(text),
			offerUndo: (text, run) =>
				void toasts.show({ text, kind: "note", actions: [{ label: "Undo", run }] }),
		};
		this.#shown = signal(this.#session(mainOf(NEW)));
		this.typing = new Typing({
			drafts: this.drafts,
			key: computed(() => this.shown.value.key),
			busy: computed(() => this.shown.value.closesField.value),
		});
		refusals.watch({
			isBusy: () => this.busy.value,
			isReading: () => this.attachments.isReading(this.shown.value.key),
		});
	}

	/** The session that is shown or being opened. */
	get shown(): ReadonlySignal<BranchSession> {
		return this.#shown;
	}

	/**
	 * Reads the list and shows a conversation: the named one, otherwise the newest, or the new one if the user has
	 * already begun to type in it.
	 */
	async start(id: string): Promise<void> {
		const list = this.conversations.refresh();
		// Requested concurrently with the list: one after the other made the start slower.
		const draft = this.#commands.getNewDraft();
		draft.catch(() => {});
		try {
			await list;
		} catch (error) {
			this.fatal.value = failureOf(error);
			return;
		}
		const first = this.draft.value === "" ? this.conversations.newestId : NEW;
		await this.#try(async () => this.drafts.restore(NEW, await draft));
		await this.open(id === NEW ? first : id);
		if (this.shown.value.isMissing) await this.open(first);
		setInterval(() => void this.recheck(), RECHECK);
	}

	/** Shows a conversation; {@link NEW} is created by its first message. */
	async open(id: string): Promise<void> {
		this.toasts.dismissRefusals();
		await this.#show(mainOf(id));
	}

	async #show(branch: Branch): Promise<BranchSession> {
		this.drafts.flush();
		const session = this.#session(branch);
		const opened = batch(() => {
			this.shown.value.close();
			this.#shown.value = session;
			this.conversations.markRead(branch.conversationId);
			return session.open();
		});
		await opened;
		return session;
	}

	/** Returns the session of a branch, which need not be open. */
	#session(branch: Branch): BranchSession {
		const key = branchKey(branch);
		let session = this.#sessions.get(key);
		if (session === undefined) {
			session = new BranchSession(branch, this.#context);
			this.#sessions.set(key, session);
		}
		return session;
	}

	async #create(): Promise<BranchSession> {
		const session = this.#session(mainOf(await this.newConversation.create()));
		// In one render, so that the user keeps typing in the same field.
		const opened = batch(() => {
			this.#sending.start(session.key);
			this.drafts.adopt(session.key);
			this.typing.adopt(NEW, session.key);
			if (!this.shown.value.isNew) return undefined;
			this.newConversation.reset();
			return this.#show(session.branch);
		});
		for (const source of this.newConversation.takeRefused()) session.countRefused(source);
		await opened;
		return session;
	}

	/** Checks what is shown; a conversation that is gone gives way to the newest. */
	async recheck(): Promise<void> {
		const session = this.shown.value;
		if (session.isMissing) return this.open(this.conversations.newestId);
		await session.recheck();
	}

	async loadMoreConversations(): Promise<void> {
		await this.#try(() => this.conversations.loadMore());
	}

	async openWindow(): Promise<void> {
		const id = this.shownId.value;
		await this.#try(async () => {
			await this.#commands.openWindow(id === NEW ? null : id);
		});
	}

	async rename(id: string, title: string): Promise<void> {
		await this.#try(async () => {
			await this.#commands.renameConversation(id, title);
		});
	}

	async renameBranch(id: string, name: string): Promise<void> {
		await this.#try(async () => {
			await this.#commands.renameBranch(id, name);
		});
	}

	/** Deletes a branch, and shows `main` if it was shown. */
	async deleteBranch(id: string): Promise<void> {
		await this.#try(async () => {
			await this.#commands.deleteBranch(id);
			if (this.view.value?.branchId === id) await this.#show(mainOf(this.shownId.value));
		});
	}

	/** Sets how many branches of the shown conversation may answer at the same time. */
	async setMaxParallel(max: number): Promise<void> {
		const id = this.shownId.value;
		await this.#try(async () => {
			await this.#commands.setMaxParallel(id, max);
		});
	}

	/** Sets what a send to a conversation does while an answer is being written; null for the default of all. */
	async setSendPolicy(id: string, policy: SendPolicy | null): Promise<void> {
		await this.#try(async () => {
			await this.#commands.setSendPolicy(id, policy);
			const { view } = this.shown.value;
			if (view.value?.id === id) view.value = { ...view.value, sendPolicy: policy };
		});
	}

	/** Deletes a conversation, and offers Undo. */
	async remove(id: string, title: string): Promise<void> {
		const isShown = id === this.shownId.value;
		this.drafts.flush();
		await this.drafts.whenSaved();
		await this.#try(() => this.deletions.remove({ id, title, isShown }));
	}

	/** Sets the parameters of a conversation; rejects if the core does. */
	async setParameters(id: string, parameters: Parameters): Promise<void> {
		if (id === NEW) {
			this.newConversation.parameters.value = parameters;
			return;
		}
		await this.#commands.setConversationParameters(id, parameters);
		const { view } = this.shown.value;
		if (view.value?.id === id) view.value = { ...view.value, parameters };
	}

	lockChanged(change: LockChanged): void {
		this.#releases.add(change);
		batch(() => {
			this.conversations.lockChanged(change, this.shownId.value);
			this.#rowChanged(change);
			if (change.conversationId === this.shownId.value) this.shown.value.lockChanged(change);
		});
	}

	/** Rereads the queue of the shown branch. */
	queueChanged(change: QueueChanged): void {
		const { view, queue } = this.shown.value;
		const { conversationId, branchId, cleared } = change;
		if (conversationId !== this.shownId.value || branchId !== view.value?.branchId) return;
		if (cleared > 0) queue.wasCleared();
		void this.#try(() => queue.read());
	}

	conversationChanged(change: ConversationChanged): void {
		const isShown = change.conversationId === this.shownId.value;
		if (change.deleted) {
			this.conversations.removed(change.conversationId);
			if (isShown) void this.open(this.conversations.newestId);
			void this.#try(() => this.conversations.refresh());
			return;
		}
		this.#rowChanged(change);
		if (isShown && change.stale) this.shown.value.reread();
	}

	/** Applies a changed row of the list, or reads it. */
	#rowChanged({ conversationId, conversation: row }: LockChanged | ConversationChanged): void {
		if (row === null) {
			void this.#try(() => this.conversations.refresh(conversationId));
			return;
		}
		this.conversations.rowChanged(row);
		if (conversationId === this.shownId.value) this.shown.value.rowChanged(row);
	}

	/** Rereads what may have been missed while the window was hidden or not focused. */
	resync(): void {
		this.shown.value.reread();
		this.conversations.markRead(this.shownId.value);
		void this.#try(() => this.conversations.refresh());
	}

	/** Runs an action and shows its error. */
	async #try(action: () => Promise<void>): Promise<void> {
		try {
			await action();
		} catch (error) {
			if (hasCode(error, "generation_in_progress")) await this.shown.value.onConflict();
			else await this.#fail(error);
		}
	}

	async #fail(error: unknown): Promise<void> {
		if (hasCode(error, "not_found")) {
			// Deleted by another window; its event is in flight.
			await this.conversations.refresh().catch(() => {});
		} else if (isIpcError(error) && FATAL_CODES.has(error.code) && this.view.value === null) {
			this.fatal.value = error;
		} else {
			this.toasts.error(messageOf(error));
		}
	}
}

/** Returns the `main` of a conversation. */
function mainOf(conversationId: string): Branch {
	return { conversationId, branchId: null };
}
