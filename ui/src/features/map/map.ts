/** The map of the shown conversation: whether it is open, what it is filtered by, and which row the keys move from. */
import { batch, computed, type ReadonlySignal, signal } from "@preact/signals-core";
import type { Tree } from "../../ipc/bindings";
import { filtered, layOut, pathTo, type Row, rowAfter } from "./layout";

/** Maximum number of rows: more are found by the filter. */
export const MAX_ROWS = 1000;

export interface MapDeps {
	readonly tree: ReadonlySignal<Tree | null>;
	/** The shown branch; null until it is known. */
	readonly branchId: ReadonlySignal<string | null>;
}

export class BranchMap {
	readonly isOpen = signal(false);
	readonly filter = signal("");
	/** All rows that the filter leaves. */
	readonly rows: ReadonlySignal<readonly Row[]>;
	/** The nodes that the filter finds; all of them without one. */
	readonly matches: ReadonlySignal<ReadonlySet<string>>;
	/** The nodes of the shown branch. */
	readonly path: ReadonlySignal<ReadonlySet<string>>;
	/** The node at which the shown branch ends. */
	readonly endId: ReadonlySignal<string | null>;
	/** The node that has the focus, or gets it; null if there is none. */
	readonly activeId: ReadonlySignal<string | null>;
	readonly #chosenId = signal<string | null>(null);

	constructor({ tree, branchId }: MapDeps) {
		const found = computed(() => {
			const whole = tree.value;
			return whole === null ? null : filtered(whole, this.filter.value);
		});
		this.rows = computed(() => (found.value === null ? [] : layOut(found.value.tree)));
		this.matches = computed(() => found.value?.matches ?? new Set());
		this.path = computed(() =>
			tree.value === null ? new Set() : pathTo(tree.value, branchId.value),
		);
		this.endId = computed(
			() => tree.value?.branches.find(({ id }) => id === branchId.value)?.headMessageId ?? null,
		);
		this.activeId = computed(() => {
			const shown = this.rows.value.slice(0, MAX_ROWS);
			const has = (id: string | null) => shown.some(({ node }) => node.id === id);
			if (has(this.#chosenId.value)) return this.#chosenId.value;
			if (has(this.endId.value)) return this.endId.value;
			return shown[0]?.node.id ?? null;
		});
	}

	open(): void {
		batch(() => {
			this.isOpen.value = true;
			this.filter.value = "";
			this.#chosenId.value = null;
		});
	}

	close(): void {
		this.isOpen.value = false;
	}

	type(text: string): void {
		batch(() => {
			this.filter.value = text;
			const first = this.rows.value.find(({ node }) => this.matches.value.has(node.id));
			this.#chosenId.value = text === "" ? null : (first?.node.id ?? null);
		});
	}

	activate(id: string): void {
		this.#chosenId.value = id;
	}

	/** Moves to the row that a key leads to. Returns false for other keys. */
	press(key: string): boolean {
		const rows = this.rows.value.slice(0, MAX_ROWS);
		const at = rows.findIndex(({ node }) => node.id === this.activeId.value);
		const to = rowAfter(rows, at, key);
		if (to === null) return false;
		this.#chosenId.value = rows[to]?.node.id ?? null;
		return true;
	}
}
