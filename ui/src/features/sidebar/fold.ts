/** Folds and unfolds the sidebar at every width, and keeps the focus on something visible. */
import { effect } from "@preact/signals-core";
import { hasNoFocus } from "../../shared/dom";
import { readLocal, writeLocal } from "../../shared/storage";
import { Sidebar } from "./sidebar";

const FOLDED = "sidebar-folded";

export interface SidebarElements {
	readonly sidebar: HTMLElement;
	/** What is next to it. */
	readonly main: HTMLElement;
}

export class SidebarFold {
	readonly state = new Sidebar(readLocal(FOLDED) === "true");
	readonly #sidebar: HTMLElement;
	/** Moves the focus to what receives keystrokes. */
	readonly #takeFocus: () => void;
	/** Index of the row that had the focus last. */
	#row = 0;

	/** Restores the sidebar's last state: call it before the first frame. */
	constructor({ sidebar, main }: SidebarElements, takeFocus: () => void) {
		this.#sidebar = sidebar;
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
		sidebar.addEventListener("focusin", ({ target }) => {
			this.#row = this.#rows().indexOf((target as Element).closest(".conversation"));
		});
		main.addEventListener("focusin", ({ target }) => {
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

	/** Moves the focus from a removed row to the next one, or to the last. */
	takeFocus(): void {
		const rows = this.#rows();
		const row = rows[this.#row] ?? rows.at(-1);
		const open = row?.querySelector<HTMLElement>(".open");
		if (open == null) this.#focusIn("#new-conversation");
		else open.focus();
	}

	#focusIn(selector: string): void {
		const first = this.#sidebar.querySelector<HTMLElement>("#new-conversation");
		(this.#sidebar.querySelector<HTMLElement>(selector) ?? first)?.focus();
	}

	#change(change: () => void): void {
		const had = this.#sidebar.contains(document.activeElement);
		change();
		const isLost = had && !this.state.inSight.value;
		if (isLost || hasNoFocus()) this.#takeFocus();
	}

	#rows(): (Element | null)[] {
		return [...this.#sidebar.querySelectorAll("#conversation-list .conversation")];
	}
}
