/** Draws the composer of the shown branch, and carries out the user's actions in it. */
import type { ReadonlySignal } from "@preact/signals-core";
import type { TemplateResult } from "lit-html";
import type { ModelInfo, SendKey } from "../../../ipc/bindings";
import { mountView } from "../../../shared/dom";
import { grow } from "../../../shared/text-area";
import type { ComposerFileParts } from "../../attachments/view";
import type { BranchSession } from "../session";
import type { ComposerFocus } from "./focus";
import type { InputHistory } from "./input-history";
import type { Typing } from "./typing";
import { composer } from "./view";

export interface ComposerPaneDeps {
	readonly shown: ReadonlySignal<BranchSession>;
	readonly typing: Typing;
	readonly focus: ComposerFocus;
	readonly history: InputHistory;
	readonly sendKey: ReadonlySignal<SendKey>;
	/** The text that a send would send. */
	readonly draft: ReadonlySignal<string>;
	/** The model of the branch, unless it is unknown. */
	readonly model: ReadonlySignal<ModelInfo | undefined>;
	files(): ComposerFileParts;
	refusals(): TemplateResult;
	/** Called when the user sends. */
	sending(): void;
	/** Moves the focus to what receives keystrokes. */
	takeFocus(): void;
}

export function mountComposer(root: HTMLElement, deps: ComposerPaneDeps): void {
	const { shown, typing, focus, history } = deps;

	/** Moves the caret to where a change was undone; null if none was. */
	function toCaret(at: number | null): void {
		if (at !== null) focus.field().setSelectionRange(at, at);
	}

	/** Grows the fields with their text; the platform cannot do so yet. */
	function growAll(): void {
		for (const field of root.querySelectorAll("textarea")) grow(field);
	}

	mountView(
		root,
		() => {
			focus.beforeRender();
			const { refusesSend, locked, policy, lock, stopping } = shown.value;
			return composer(
				{
					draft: deps.draft.value,
					next: typing.field.value === "next" ? typing.text.value : null,
					refusesSend: refusesSend.value,
					policy: locked.value ? policy.value : null,
					canStop: lock.value?.locked ?? false,
					stopping: stopping.value !== null,
					files: deps.files(),
					refusals: deps.refusals(),
					note: deps.model.value?.note ?? null,
					sendKey: deps.sendKey.value,
				},
				{
					type: (text) => typing.type(text),
					undo: () => toCaret(typing.undo()),
					redo: () => toCaret(typing.redo()),
					send: (source) => {
						deps.sending();
						void shown.value.send(source);
					},
					refuse: (source) => shown.value.refuse(source),
					stop: () => void shown.value.stop(),
					recall: {
						isRecalled: () => history.isRecalled(),
						older: () => history.older(),
						newer: () => history.newer(),
					},
				},
			);
		},
		() => {
			growAll();
			focus.afterRender();
		},
		deps.takeFocus,
	);
	window.addEventListener("resize", growAll);
}
