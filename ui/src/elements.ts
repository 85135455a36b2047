/** The fixed elements of index.html. */
import { byId } from "./shared/dom";

/** Returns the elements that the features draw into. */
export function elementsOf(page: Document) {
	return {
		sidebar: byId(page, "sidebar"),
		main: byId(page, "main"),
		conversation: byId(page, "conversation"),
		header: byId(page, "header"),
		find: byId(page, "find"),
		readingBanner: byId(page, "reading-banner"),
		transcript: byId(page, "transcript"),
		queue: byId(page, "queue-place"),
		composer: byId(page, "composer"),
		settings: byId(page, "settings"),
		map: byId(page, "map"),
		starting: byId(page, "starting"),
		modelMenu: byId(page, "model-menu"),
		branchMenu: byId(page, "branch-menu"),
		dialogs: byId(page, "dialogs"),
		toasts: byId(page, "toasts"),
		notices: byId(page, "notices"),
		alerts: byId(page, "alerts"),
		announcement: byId(page, "announcement"),
	};
}
