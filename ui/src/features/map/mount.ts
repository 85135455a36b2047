/** Draws the map, and leads from it to the messages. */
import type { ReadonlySignal } from "@preact/signals-core";
import { html, nothing } from "lit-html";
import { mountView } from "../../shared/dom";
import { wayTo } from "./layout";
import { linesOf } from "./lines";
import { type BranchMap, MAX_ROWS } from "./map";
import type { ConversationTree } from "./tree";
import { mapPanel } from "./view";

/** The branch that a window shows. */
export interface Subject {
	readonly view: ReadonlySignal<{ readonly branchId: string } | null>;
	showBranch(branchId: string): Promise<void>;
	/** Shows a version, which belongs to a branch. Resolves to false if that is refused. */
	select(messageId: string, branchId: string): Promise<boolean>;
	/** Loads a message of the branch with those around it. */
	showMessage(messageId: string): Promise<void>;
	/** Loads a message of what is drawn: of the branch, or of a version that is read. */
	showDrawn(messageId: string): Promise<void>;
	fork(messageId: string): Promise<void>;
}

export interface MapPaneDeps {
	readonly map: BranchMap;
	readonly tree: ConversationTree;
	readonly shown: ReadonlySignal<Subject>;
	/** The region that shows the messages. */
	readonly transcript: HTMLElement;
	/** Returns whether something else is shown instead of the conversation. */
	isCovered(): boolean;
	/** Returns the name of a model. */
	modelName(id: string): string;
	/** Scrolls to a message. */
	scrollTo(message: Element): void;
	/** Moves the focus to what receives keystrokes. */
	takeFocus(): void;
}

export class MapPane {
	readonly #deps: MapPaneDeps;
	readonly #root: HTMLElement;
	/** The map lies over the conversation. */
	readonly #narrow = matchMedia("(max-width: 1000px)");
	#wantsFocus = false;
	/** The active node that was scrolled to. */
	#seen: string | null = null;

	constructor(root: HTMLElement, deps: MapPaneDeps) {
		this.#root = root;
		this.#deps = deps;
	}

	toggle(): void {
		if (this.#deps.map.isOpen.value) this.close();
		else this.open();
	}

	/** Opens the map; the focus goes to the end of the shown branch once it is read. */
	open(): void {
		this.#wantsFocus = true;
		this.#deps.map.open();
	}

	close(): void {
		const had = this.#root.contains(document.activeElement);
		this.#deps.map.close();
		if (had) this.#deps.takeFocus();
	}

	mount(): void {
		const { map, tree, shown, takeFocus } = this.#deps;
		mountView(
			this.#root,
			() => {
				const isOpen = map.isOpen.value && !this.#deps.isCovered();
				this.#root.hidden = !isOpen;
				if (!isOpen) return html`${nothing}`;
				const rows = map.rows.value;
				return mapPanel(
					{
						tree: tree.tree.value,
						problem: tree.problem.value,
						filter: map.filter.value,
						rows: rows.slice(0, MAX_ROWS),
						more: Math.max(0, rows.length - MAX_ROWS),
						matches: map.matches.value,
						path: map.path.value,
						endId: map.endId.value,
						branchId: shown.value.view.value?.branchId ?? null,
						activeId: map.activeId.value,
						modelName: this.#deps.modelName,
					},
					{
						type: (text) => map.type(text),
						press: (key) => map.press(key),
						activate: ({ id }) => map.activate(id),
						go: (node, branchId) => void this.#go(node.id, branchId),
						fork: (messageId) => void shown.value.fork(messageId),
						retry: () => void tree.read(),
						close: () => this.close(),
					},
				);
			},
			() => this.#drawn(),
			() => {
				if (!this.#focus()) takeFocus();
			},
		);
		document.addEventListener("pointerdown", ({ target }) => {
			const isOutside = !(target as Element).closest("#map, #toggle-map, dialog, [popover]");
			if (isOutside && this.#narrow.matches) map.close();
		});
	}

	/** Fits the rows to the lanes, and moves the focus to the active row if the tree has it. */
	#drawn(): void {
		const { map, tree } = this.#deps;
		const graph = this.#root.querySelector<HTMLElement>(".graph");
		const { width } = linesOf(map.rows.value.slice(0, MAX_ROWS));
		graph?.style.setProperty("--map-lanes", `${width}px`);
		const isRead = tree.tree.value !== null || tree.problem.value !== null;
		if (this.#wantsFocus && isRead && !this.#root.hidden) {
			this.#wantsFocus = false;
			this.#focus();
		}
		const row = this.#row();
		const focused = document.activeElement;
		if (focused?.closest("#map-tree") != null && focused !== row) row?.focus();
		else if (map.activeId.value !== this.#seen) row?.scrollIntoView({ block: "nearest" });
		this.#seen = map.activeId.value;
	}

	/** Shows a node: the message whose words its row has. */
	async #go(nodeId: string, branchId: string | null): Promise<void> {
		const { map, tree: read, shown } = this.#deps;
		const tree = read.tree.value;
		const node = tree?.nodes.find(({ id }) => id === nodeId);
		if (tree === null || node === undefined) return;
		map.activate(node.id);
		const shownId = shown.value.view.value?.branchId ?? null;
		const way =
			branchId !== null && branchId !== shownId
				? ({ type: "branch", branchId } as const)
				: wayTo(tree, node, shownId);
		if (way.type === "version" && !(await shown.value.select(way.messageId, way.branchId))) return;
		if (way.type === "branch") {
			await shown.value.showBranch(way.branchId);
			// It was deleted meanwhile.
			if (shown.value.view.value?.branchId !== way.branchId) return;
		}
		if (way.type === "version") await shown.value.showDrawn(node.messageId);
		else await shown.value.showMessage(node.messageId);
		const message = this.#deps.transcript.querySelector(`[data-message-id="${node.messageId}"]`);
		if (message !== null) this.#deps.scrollTo(message);
		if (this.#narrow.matches) this.close();
	}

	#row(): HTMLElement | null {
		return this.#root.querySelector<HTMLElement>("[role=treeitem][tabindex='0']");
	}

	/** Focuses the active row, or what there is instead of rows. Returns false if the map is closed. */
	#focus(): boolean {
		if (this.#root.hidden) return false;
		const row = this.#row();
		if (row !== null) {
			row.focus({ preventScroll: true });
			row.scrollIntoView({ block: "center" });
			return true;
		}
		const instead = this.#root.querySelector<HTMLElement>("#retry-map, #fork-last, #map-filter");
		(instead ?? this.#root.querySelector<HTMLElement>("#close-map"))?.focus();
		return true;
	}
}
