/** Folds the sidebar and brings it back, in every width, with what the reader looks at and types into. */
import { effect } from "@preact/signals-core";
import { readLocal, writeLocal } from "./lib/local-storage";
import { byId, hasNoFocus } from "./lib/mount";
import { Sidebar } from "./state/sidebar";

const FOLDED = "sidebar-folded";

export class SidebarFold {
	readonly state = new Sidebar(readLocal(FOLDED) === "true");
	/** Gives the focus to whoever takes what is typed. */
	readonly #takeFocus: () => void;
	/** Where in the list the focus was last. */
	#row = 0;

	/** From here on the page is as it was left: call it before the first frame. */
	constructor(takeFocus: () => void) {
		this.#takeFocus = takeFocus;
		const narrow = matchMedia("(max-width: 720px)");
		narrow.addEventListener("change", () => this.#change(() => this.state.fit(narrow.matches)));
		this.state.fit(narrow.matches);
		effect(() => {
			const folded = this.state.folded.value;
			document.body.toggleAttribute("data-sidebar-folded", folded);
			writeLocal(FOLDED, String(folded));
		});
		effect(() => {
			document.body.toggleAttribute("data-sidebar-open", this.state.over.value);
		});
		document.body.removeAttribute("data-starting");
		const root = byId("sidebar");
		root.addEventListener("focusin", ({ target }) => {
			this.#row = rows().indexOf((target as Element).closest(".conversation"));
		});
		byId("main").addEventListener("focusin", ({ target }) => {
			if ((target as Element).id !== "toggle-sidebar") this.state.leave();
		});
		document.addEventListener("pointerdown", ({ target }) => {
			if (!(target as Element).closest("#sidebar, #toggle-sidebar")) this.state.leave();
		});
	}

	toggle(): void {
		this.#change(() => this.state.toggle());
		const { over } = this.state;
		if (over.value) this.#focusIn(".conversation [aria-current=page]");
	}

	/** The row that had the focus is gone: the next one takes it, or the one before. */
	takeFocus(): void {
		const row = rows()[this.#row] ?? rows().at(-1);
		const open = row?.querySelector<HTMLElement>(".open");
		if (open == null) this.#focusIn("#new-conversation");
		else open.focus();
	}

	#focusIn(selector: string): void {
		const found = byId("sidebar").querySelector<HTMLElement>(selector);
		(found ?? byId("new-conversation")).focus();
	}

	#change(change: () => void): void {
		const had = byId("sidebar").contains(document.activeElement);
		change();
		const isLost = had && !this.state.inSight.value;
		if (isLost || hasNoFocus()) this.#takeFocus();
	}
}

function rows(): (Element | null)[] {
	return [...document.querySelectorAll("#conversation-list .conversation")];
}
