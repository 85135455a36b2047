/** Draws the sidebar, and loads more of its list before the end becomes visible. */
import type { ReadonlySignal } from "@preact/signals-core";
import { mountView } from "../../shared/dom";
import type { Conversations } from "./conversations";
import { listenToUndo, type SidebarActions, sidebar } from "./view";

export interface SidebarDeps {
	readonly conversations: Conversations;
	readonly actions: SidebarActions;
	/** Epoch ms. */
	readonly now: ReadonlySignal<number>;
	/** Returns the shown conversation; null while the settings are shown instead. */
	shownId(): string | null;
	loadMore(): void;
	/** Undoes the last deletions. */
	undo(): void;
	/** Moves the focus from a removed row. */
	focusRow(): void;
}

export function mountSidebar(root: HTMLElement, deps: SidebarDeps): void {
	const { conversations, now } = deps;
	const listEnd = new IntersectionObserver(([end]) => {
		if (end?.isIntersecting) deps.loadMore();
	});
	mountView(
		root,
		() =>
			sidebar(
				{
					conversations: conversations.list.value,
					unread: conversations.unread.value,
					shownId: deps.shownId(),
					now: now.value,
				},
				deps.actions,
			),
		// Again after each render: an end that stays visible would not be reported again.
		() => {
			listEnd.disconnect();
			const end = root.querySelector("#conversation-list-end");
			if (end !== null) listEnd.observe(end);
		},
		deps.focusRow,
	);
	listenToUndo(root, deps.undo);
}
