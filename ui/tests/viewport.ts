import type { Viewport } from "../src/features/chat/transcript/transcript";

/** A viewport whose user looks at the end. */
export const VIEWPORT: Viewport = {
	preserveScroll: (change) => change(),
	isFollowed: () => true,
};
