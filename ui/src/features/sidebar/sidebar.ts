/**
 * Whether the sidebar is visible. In a wide window it is next to the conversation until it is folded, which is
 * persisted; in a narrow one it covers the conversation temporarily.
 */
import { computed, signal } from "@preact/signals-core";

export class Sidebar {
	/** There is no room for it next to the conversation. */
	readonly narrow = signal(false);
	/** It is folded in a wide window. */
	readonly folded;
	/** It covers the conversation. */
	readonly over = signal(false);
	readonly inSight = computed(() => (this.narrow.value ? this.over.value : !this.folded.value));

	constructor(folded: boolean) {
		this.folded = signal(folded);
	}

	toggle(): void {
		if (this.narrow.value) this.over.value = !this.over.value;
		else this.folded.value = !this.folded.value;
	}

	/** Closes it if it covers the conversation. */
	leave(): void {
		this.over.value = false;
	}

	/** Called when the window becomes narrow or wide. */
	fit(narrow: boolean): void {
		this.narrow.value = narrow;
		this.over.value = false;
	}
}
