/** Draws the queue of the shown branch, and carries out the user's actions in it. */
import type { ReadonlySignal } from "@preact/signals-core";
import type { SendKey } from "../../ipc/bindings";
import { mountView } from "../../shared/dom";
import { grow } from "../../shared/text-area";
import { dragToReorder } from "./drag";
import type { BranchQueue } from "./queue";
import { queueStrip } from "./view";

export interface QueuePaneDeps {
	readonly shown: ReadonlySignal<{ readonly queue: BranchQueue }>;
	readonly sendKey: ReadonlySignal<SendKey>;
	/** Returns the name of a model, unless it is the conversation's own. */
	modelName(modelId: string | null): string | null;
	/** Moves the focus to what receives keystrokes. */
	takeFocus(): void;
}

export function mountQueue(root: HTMLElement, deps: QueuePaneDeps): void {
	const { shown } = deps;
	let edited: HTMLTextAreaElement | null = null;

	/** Grows the editor's field with its text, and focuses one that has just appeared, at the end of its text. */
	function showEditor(field: HTMLTextAreaElement | null): void {
		if (field !== null) grow(field);
		if (field !== null && field !== edited) {
			field.focus();
			field.setSelectionRange(field.value.length, field.value.length);
		}
		edited = field;
	}

	dragToReorder(root, (id, position) => void shown.value.queue.move(id, position));
	mountView(
		root,
		() => {
			const { queue } = shown.value;
			return queueStrip(
				{
					queue: queue.state.value,
					edit: queue.edit.value,
					sendKey: deps.sendKey.value,
					modelName: deps.modelName,
				},
				{
					edit: (message) => void queue.openEditor(message),
					type: (text) => queue.type(text),
					saveEdit: () => void queue.saveEdit(),
					cancelEdit: () => void queue.cancelEdit(),
					move: ({ id }, position) => void queue.move(id, position),
					remove: (message) => void queue.remove(message),
					sendNow: ({ id }) => void queue.sendNow(id),
					clear: () => void queue.clear(),
					pause: () => void queue.pause(),
					resume: () => void queue.resume(),
				},
			);
		},
		() => showEditor(root.querySelector<HTMLTextAreaElement>(".queued-input")),
		deps.takeFocus,
	);
}
