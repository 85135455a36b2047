/** Draws the menu of branches under its button. */
import { type ReadonlySignal, type Signal, signal } from "@preact/signals-core";
import type { Branch, ConversationView, TreeBranch } from "../../ipc/bindings";
import { mountView } from "../../shared/dom";
import { isComposing } from "../../shared/keyboard";
import { placeBy } from "../../shared/popover";
import { type BranchActions, branchMenu } from "./view";

export interface BranchMenuDeps {
	readonly shown: ReadonlySignal<{
		readonly view: ReadonlySignal<ConversationView | null>;
		/** All branches, with their latest states. */
		readonly branches: ReadonlySignal<readonly Branch[]>;
	}>;
	/** Set while the menu is open. */
	readonly isOpen: Signal<boolean>;
	/** Returns what else is known of each branch, by its id. */
	states(): ReadonlyMap<string, TreeBranch>;
	/** Returns the button of the menu, unless it is hidden. */
	button(): HTMLElement | null;
	readonly actions: BranchActions;
}

export function mountBranchMenu(menu: HTMLElement, deps: BranchMenuDeps): void {
	const { shown, isOpen, actions } = deps;
	const filter = signal("");
	menu.addEventListener("beforetoggle", ({ newState }) => {
		const button = deps.button();
		if (newState === "open" && button !== null) placeBy(menu, button);
		isOpen.value = newState === "open";
		if (newState === "open") filter.value = "";
	});
	menu.addEventListener("keydown", (event) => moveFocus(menu, event));
	window.addEventListener("resize", () => menu.hidePopover());
	const closing = (act: (branch: Branch) => void) => (branch: Branch) => {
		menu.hidePopover();
		act(branch);
	};
	mountView(menu, () =>
		branchMenu(
			{
				view: shown.value.view.value,
				branches: shown.value.branches.value,
				states: deps.states(),
				filter: filter.value,
			},
			{
				show: closing(actions.show),
				rename: closing(actions.rename),
				remove: closing(actions.remove),
				openMap: () => {
					menu.hidePopover();
					actions.openMap();
				},
				setMaxParallel: actions.setMaxParallel,
				type: (text) => {
					filter.value = text;
				},
			},
		),
	);
}

/** Moves between the rows, and from the filter to them; a letter on a row goes to the filter. */
function moveFocus(menu: HTMLElement, event: KeyboardEvent): void {
	const target = event.target as Element;
	if (isComposing(event) || target.matches("select")) return;
	const rows = [...menu.querySelectorAll<HTMLElement>(".branch")];
	const field = menu.querySelector<HTMLElement>("#branch-filter");
	const at = rows.indexOf(target as HTMLElement);
	const isTyped = [...event.key].length === 1 && event.key !== " ";
	if (isTyped && at >= 0 && !event.ctrlKey && !event.altKey && !event.metaKey) {
		field?.focus();
		return;
	}
	const ends: Record<string, number> = at < 0 ? {} : { Home: 0, End: rows.length - 1 };
	const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
	const to = step === undefined ? ends[event.key] : at + step;
	if (to === undefined) return;
	event.preventDefault();
	const above = field !== null && to === -1 && at === 0 ? field : null;
	(above ?? rows.at(to % rows.length))?.focus();
}
