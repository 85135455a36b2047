/** The user's actions on a branch. What a session has begun to send goes on when it is closed. */
import { signal } from "@preact/signals-core";
import type { Accepted, AttemptSource, SendOutcome, SendPolicy } from "../../ipc/bindings";
import { type Branch, branchKey } from "../../ipc/branch";
import { hasCode, messageOf } from "../../ipc/errors";
import type { ToastAction } from "../toasts/toasts";
import { FollowedBranch } from "./followed-branch";
import { lockAccepted } from "./lock";
import { MessageEditor } from "./message/editor";

export class BranchSession extends FollowedBranch {
	readonly editor = new MessageEditor();
	/** The generation that is being stopped and has not ended yet. */
	readonly stopping = signal<string | null>(null);
	/** A press of Send while another send was on its way. */
	#pressed: AttemptSource | null = null;

	/** Sends the draft with its files, or shows why not. Nothing is cleared before the core has accepted it. */
	async send(source: AttemptSource): Promise<void> {
		const { drafts, files, refusals } = this.context;
		// While a send is on its way, a press is about what was typed behind its text.
		if (this.isSending && this.policy.value !== "reject") {
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
		const { drafts, files, refusals } = this.context;
		if (this.isSending) return;
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
		const { commands, sending, showError } = this.context;
		// Set before the first await, so that a second press in the same instant finds it.
		sending.start(this.key);
		let to: BranchSession = this;
		let isAccepted = false;
		try {
			if (this.isNew) to = await this.context.create();
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
		if (isAccepted && to.opening !== null) await to.showLatest();
	}

	/** Locks the composer on acceptance, without waiting for the event that follows. */
	#applyAccepted(accepted: Accepted): void {
		const known = this.lock.value;
		if (this.opening === null || (known !== null && accepted.fence <= known.fence)) return;
		this.lock.value = lockAccepted(accepted);
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
		this.context.refusals.askToWait(this.busyElsewhere(), waysOut);
		if (this.isNew) this.context.newConversation.refused(source);
		else this.countRefused(source);
	}

	/** Returns the other ways to send what is in the composer; none if nothing is. */
	#waysOut(): readonly ToastAction[] {
		const { drafts, files } = this.context;
		const isEmpty = drafts.whole(this.key).trim() === "" && files.readyIds(this.key).length === 0;
		if (isEmpty || this.isNew) return [];
		const queue: ToastAction = {
			name: "queue",
			label: "Queue",
			run: () => void this.sendBy("queue", "button"),
		};
		// It would not stop the answer of another branch.
		if (this.busyElsewhere() !== null) return [queue];
		const stopAndSend: ToastAction = {
			name: "stop-and-send",
			label: "Stop and send",
			run: () => void this.sendBy("interrupt", "button"),
		};
		return [queue, stopAndSend];
	}

	/** Counts a refused attempt for the metrics; the refusal does not depend on it. */
	countRefused(source: AttemptSource): void {
		const { conversationId, branchId } = this.branch;
		this.context.commands.recordRefusedAttempt(conversationId, branchId, source).catch(() => {});
	}

	/** Generates another answer: after a failure, or as another version. */
	async answerAgain(messageId: string, source: AttemptSource): Promise<void> {
		if (this.busy.value) return this.refuse(source);
		const { commands, sending } = this.context;
		sending.start(this.key);
		await this.attempt(async () => {
			const requestId = crypto.randomUUID();
			const outcome = await commands.generateResponse(messageId, null, requestId, source);
			if (this.opening === null) return;
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
		const { commands, sending } = this.context;
		await this.editor.submit(async ({ messageId, text, files }) => {
			sending.start(this.key);
			const error = await this.attempt(async () => {
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
		if (this.opening === null || outcome.type !== "accepted") return;
		if (outcome.branchId !== this.view.value?.branchId) {
			await this.#showSending(this.#sibling(outcome.branchId));
			return;
		}
		this.#applyAccepted(outcome);
		await this.showLatest();
	}

	/** Begins a branch after a message, and shows it. */
	async fork(messageId: string): Promise<void> {
		await this.attempt(async () => {
			const { id } = await this.context.commands.forkBranch(messageId, null);
			if (this.opening !== null) await this.context.show(this.#sibling(id));
		});
	}

	/** Shows another branch of the conversation. */
	async showBranch(branchId: string): Promise<void> {
		if (branchId !== this.view.value?.branchId) await this.context.show(this.#sibling(branchId));
	}

	/** Shows another branch, which is busy until its lock is read. */
	async #showSending(branch: Branch): Promise<void> {
		const { sending, show } = this.context;
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
		const error = await this.attempt(async () => {
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
		if (this.holdsHead.value) return this.context.refusals.askToWait(null, []);
		await this.attempt(() => this.#select(version));
	}

	async #select(messageId: string): Promise<void> {
		const { branchId } = await this.context.commands.selectVersion(messageId);
		if (this.opening === null) return;
		let to: BranchSession = this;
		if (branchId === this.view.value?.branchId) await this.reread();
		else to = await this.context.show(this.#sibling(branchId));
		await to.showMessage(messageId);
	}

	/** Shows a version to read. Returns whether it is shown. */
	async #readVersion(messageId: string): Promise<boolean> {
		const [view, opening] = [this.view.value, this.opening];
		if (view === null) return false;
		const error = await this.attempt(async () => {
			const isOther = await this.versions.read(view, messageId);
			if (!isOther && opening === this.opening) await this.transcript.show(view, messageId);
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
		await this.attempt(async () => {
			const { stopped } = await this.context.commands.stopGeneration(generationId);
			if (!stopped) this.reread();
		});
		if (this.stopping.value === generationId) this.stopping.value = null;
	}

	async chooseModel(modelId: string): Promise<void> {
		const view = this.view.value;
		if (view === null) {
			this.context.newConversation.modelId.value = modelId;
			return;
		}
		await this.attempt(async () => {
			await this.context.commands.setConversationModel(view.id, modelId);
		});
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
