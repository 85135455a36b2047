/** Draws the messages of the shown branch into their scrolled region, and carries out the user's actions on them. */
import { effect, type ReadonlySignal } from "@preact/signals-core";
import type { SendKey } from "../../../ipc/bindings";
import type { MarkdownServices } from "../../../markdown/services";
import { mountView } from "../../../shared/dom";
import { grow } from "../../../shared/text-area";
import { afterFrame } from "../../../shared/time";
import type { FileActions } from "../../attachments/view";
import { focusArrow, focusedArrow } from "../message/pager";
import type { BranchSession } from "../session";
import type { ScrollFollower } from "./scroll-follower";
import { transcript } from "./view";

export interface TranscriptPaneDeps {
	readonly shown: ReadonlySignal<BranchSession>;
	readonly follower: ScrollFollower;
	readonly markdown: MarkdownServices;
	readonly files: FileActions;
	/** Epoch ms. */
	readonly now: ReadonlySignal<number>;
	readonly sendKey: ReadonlySignal<SendKey>;
	/** Returns whether there is text that is not sent. */
	hasDraft(): boolean;
	/** Returns whether only the built-in model can answer. */
	offersProvider(): boolean;
	addProvider(): void;
	suggest(text: string): void;
	copy(text: string): void;
	/** Called after each render. */
	rendered(): void;
	/** Moves the focus to what receives keystrokes. */
	takeFocus(): void;
}

export function mountTranscript(scroller: HTMLElement, deps: TranscriptPaneDeps): void {
	const { shown, follower } = deps;
	let edited: HTMLTextAreaElement | null = null;

	/** Shows another version, and keeps the focus on the pager and the pager in sight. */
	async function select(messageId: string): Promise<void> {
		const pressed = focusedArrow();
		await shown.value.select(messageId);
		const message = scroller.querySelector(`[data-message-id="${messageId}"]`);
		if (message === null) return;
		focusArrow(message, pressed);
		const isRead = shown.value.versions.reading.value !== null;
		if (isRead) follower.reveal(message.querySelector(".tools") ?? message);
	}

	/** Grows the editor's field with its text, and focuses one that has just appeared, at the end of its text. */
	function showEditor(field: HTMLTextAreaElement | null): void {
		if (field !== null) grow(field);
		if (field !== null && field !== edited) {
			field.focus();
			field.setSelectionRange(field.value.length, field.value.length);
		}
		edited = field;
	}

	function toEnd(): void {
		void shown.value.loadEnd().then(() => follower.stick());
	}

	mountView(
		scroller,
		() => {
			const session = shown.value;
			const { messages, live, hasLater, version } = session.drawn.value;
			return transcript(
				{
					messages: messages.value,
					live: live.value,
					edit: session.editor.edit.value,
					lastId: hasLater.value || version !== null ? null : (messages.value.at(-1)?.id ?? null),
					stopping: session.stopping.value !== null,
					opening: !session.isNew && session.view.value === null,
					hasDraft: deps.hasDraft(),
					offersProvider: deps.offersProvider(),
					hasLater: hasLater.value,
					isReadOnly: version !== null,
					newBelow: follower.hidden.value || hasLater.value,
					now: deps.now.value,
				},
				{
					suggest: deps.suggest,
					addProvider: deps.addProvider,
					retry: (messageId) => void shown.value.answerAgain(messageId, "retry"),
					regenerate: (messageId) => void shown.value.answerAgain(messageId, "regenerate"),
					edit: (message) => session.editor.open(message),
					fork: (messageId) => void shown.value.fork(messageId),
					editing: {
						sendKey: deps.sendKey.value,
						type: (text) => session.editor.type(text),
						remove: (fileId) => session.editor.remove(fileId),
						submit: () => void session.sendEdit("button"),
						cancel: () => {
							session.editor.close();
							deps.takeFocus();
						},
					},
					select: (messageId) => void select(messageId),
					continueAnswer: () => void shown.value.sendText("Continue", "button"),
					copy: deps.copy,
					markdown: deps.markdown,
					files: deps.files,
					toBottom: toEnd,
				},
			);
		},
		() => {
			follower.watch();
			showEditor(scroller.querySelector<HTMLTextAreaElement>(".edit-input"));
			deps.rendered();
		},
		// A button is removed by its press; anything else by further scrolling.
		() => (shown.value.busy.value ? deps.takeFocus() : scroller.focus()),
	);
	effect(() => {
		const drawn = shown.value.drawn.value;
		if (drawn.isPartial.value && drawn.messages.value.length > 0) {
			afterFrame(() => drawn.drawAll());
		}
	});
}
