/** What answers need from the page, over the core's commands. */
import { messageOf } from "../../../ipc/errors";
import type { Commands } from "../../../ipc/host";
import { Highlighter } from "../../../markdown/highlighter";
import { OverflowObserver } from "../../../markdown/overflow-observer";
import type { MarkdownServices } from "../../../markdown/services";

type MarkdownCommands = Pick<Commands, "highlightCode" | "loadImage" | "openLink">;

/** The page around the answers. */
export interface MarkdownPage {
	preserveScroll(change: () => void): void;
	fail(reason: string): void;
}

/** Returns the services for the answers in a scrolled region. */
export function markdownServices(
	commands: MarkdownCommands,
	scroller: HTMLElement,
	page: MarkdownPage,
): MarkdownServices {
	return {
		openLink: (destination) => {
			commands.openLink(destination).catch((error) => page.fail(messageOf(error)));
		},
		loadImage: (destination) => commands.loadImage(destination),
		preserveScroll: (change) => page.preserveScroll(change),
		copy: (text) => navigator.clipboard.writeText(text),
		highlighter: new Highlighter(
			(language, text) => commands.highlightCode(language, text),
			scroller,
		),
		overflow: new OverflowObserver(scroller),
	};
}
