/**
 * Whether the sidebar is in sight. Where there is room it stands beside the conversation until it is
 * folded, which is remembered; in a narrow window it lies over the conversation for a moment.
 */
import { computed, signal } from "@preact/signals-core";

export class Sidebar {
	/** There is no room for it beside the conversation. */
	readonly narrow = signal(false);
	/** It has been put away, where there is room for it. */
	readonly folded;
	/** It lies over the conversation. */
	readonly over = signal(false);
	readonly inSight = computed(() => (this.narrow.value ? this.over.value : !this.folded.value));

	constructor(folded: boolean) {
		this.folded = signal(folded);
	}

	toggle(): void {
		if (this.narrow.value) this.over.value = !this.over.value;
		else this.folded.value = !this.folded.value;
	}

	/** Takes it away where it lies over the conversation. */
	leave(): void {
		this.over.value = false;
	}

	/** The window became narrow, or wide. */
	fit(narrow: boolean): void {
		this.narrow.value = narrow;
		this.over.value = false;
	}
}
