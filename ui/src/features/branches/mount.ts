/** Draws the menu of branches under its button. */
import type { ReadonlySignal } from "@preact/signals-core";
import type { Branch, ConversationView } from "../../ipc/bindings";
import { mountView } from "../../shared/dom";
import { placeBy } from "../../shared/popover";
import { type BranchActions, branchMenu } from "./view";

export interface BranchMenuDeps {
	readonly shown: ReadonlySignal<{
		readonly view: ReadonlySignal<ConversationView | null>;
		/** All branches, with their latest states. */
		readonly branches: ReadonlySignal<readonly Branch[]>;
	}>;
	/** Returns the button of the menu, unless it is hidden. */
	button(): HTMLElement | null;
	readonly actions: BranchActions;
}

export function mountBranchMenu(menu: HTMLElement, deps: BranchMenuDeps): void {
	const { shown, actions } = deps;
	menu.addEventListener("beforetoggle", ({ newState }) => {
		const button = deps.button();
		if (newState === "open" && button !== null) placeBy(menu, button);
	});
	menu.addEventListener("keydown", (event) => {
		const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
		if (step === undefined || (event.target as Element).matches("select")) return;
		event.preventDefault();
		const rows = [...menu.querySelectorAll<HTMLElement>(".branch")];
		const at = rows.indexOf(document.activeElement as HTMLElement);
		rows.at((at + step) % rows.length)?.focus();
	});
	window.addEventListener("resize", () => menu.hidePopover());
	mountView(menu, () =>
		branchMenu(shown.value.view.value, shown.value.branches.value, {
			show: (branch) => {
				menu.hidePopover();
				actions.show(branch);
			},
			rename: (branch) => {
				menu.hidePopover();
				actions.rename(branch);
			},
			remove: (branch) => {
				menu.hidePopover();
				actions.remove(branch);
			},
			setMaxParallel: actions.setMaxParallel,
		}),
	);
}
