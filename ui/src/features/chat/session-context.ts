/** What a session needs of its window, and shares with the window's other sessions. */
import type { ReadonlySignal } from "@preact/signals-core";
import type { AttachmentSummary, LockStatus, Message, SendPolicy } from "../../ipc/bindings";
import type { Branch, BranchKey } from "../../ipc/branch";
import type { Commands } from "../../ipc/host";
import type { QueueCommands } from "../queue/queue";
import type { ToastAction } from "../toasts/toasts";
import type { NewConversation } from "./new-conversation";
import type { BranchSession } from "./session";
import type { Viewport } from "./transcript/transcript";

type SessionCommands = Pick<
	Commands,
	| "editMessage"
	| "followBranch"
	| "forkBranch"
	| "generateResponse"
	| "getConversation"
	| "getMessages"
	| "isLocked"
	| "recordRefusedAttempt"
	| "selectVersion"
	| "sendMessage"
	| "setConversationModel"
	| "stopGeneration"
> &
	QueueCommands;

export interface SessionDrafts {
	of(key: BranchKey): string;
	/** Notes that the stored draft is being read. */
	expect(key: BranchKey): void;
	restore(key: BranchKey, text: string): void;
	/** Returns the text of both fields of the composer. */
	whole(key: BranchKey): string;
	/** Clears the text that was sent. */
	sent(key: BranchKey, text: string): void;
	/** Clears the text of both fields that was sent. */
	sentWhole(key: BranchKey, text: string): void;
}

export interface SessionFiles {
	isReading(key: BranchKey): boolean;
	/** Returns the ids of the files that can be sent. */
	readyIds(key: BranchKey): string[];
	restore(key: BranchKey, files: readonly AttachmentSummary[]): void;
	restoreNew(): Promise<void>;
	sent(key: BranchKey, ids: readonly string[]): void;
	/** Removes files that messages already have. */
	sentAnywhere(key: BranchKey, ids: readonly string[]): void;
}

export interface SessionContext {
	readonly commands: SessionCommands;
	readonly drafts: SessionDrafts;
	readonly files: SessionFiles;
	readonly newConversation: NewConversation;
	readonly viewport: Viewport;
	readonly sending: {
		has(key: BranchKey): boolean;
		start(key: BranchKey): void;
		end(key: BranchKey): void;
	};
	readonly refusals: {
		askToWait(elsewhere: string | null, waysOut: readonly ToastAction[]): void;
		askToWaitForFiles(): void;
	};
	readonly releases: { isStale(branchId: string, lock: LockStatus): boolean };
	readonly announcement: {
		ended(messageId: string | null): void;
		read(messages: readonly Message[]): void;
	};
	/** What a send does in conversations that do not say otherwise. */
	readonly defaultPolicy: ReadonlySignal<SendPolicy>;
	/** Returns whether the conversation list says that an answer is being written. */
	isListedBusy(conversationId: string): boolean;
	/** Creates the conversation that does not exist yet. Resolves to the session of its `main`, marked as sending. */
	create(): Promise<BranchSession>;
	/** Shows another branch of the same conversation. Resolves once it is read. */
	show(branch: Branch): Promise<BranchSession>;
	/** Handles the error of an action, except {@link BranchSession.onConflict}'s. */
	fail(error: unknown): Promise<void>;
	showError(text: string): void;
	/** Shows what was done, and offers to undo it. */
	offerUndo(text: string, undo: () => void): void;
}
