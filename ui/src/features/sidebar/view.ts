/** The sidebar with the conversation list. */
import { html, nothing, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import type { ConversationSummary } from "../../ipc/bindings";
import { icon } from "../../shared/icon";
import { formatShortcut, matches } from "../../shared/keyboard";
import { aria, hint } from "../shortcuts/shortcuts";

export interface SidebarModel {
	readonly conversations: readonly ConversationSummary[];
	readonly unread: ReadonlySet<string>;
	/** Null while the settings are shown instead. */
	readonly shownId: string | null;
	/** Epoch ms. */
	readonly now: number;
}

export interface SidebarActions {
	create(): void;
	openSettings(): void;
	openShortcuts(): void;
	open(id: string): void;
	rename(conversation: ConversationSummary): void;
	remove(conversation: ConversationSummary): void;
}

export const UNTITLED = "New chat";

export function sidebar(model: SidebarModel, actions: SidebarActions): TemplateResult {
	return html`
    <button id="new-conversation" type="button" title=${hint("New chat", "create")} aria-keyshortcuts=${aria("create")}
      @click=${actions.create}>
      ${icon("plus")}<span>New chat</span>
    </button>
    <nav id="conversation-list" aria-label="Conversations">
      ${
				model.conversations.length === 0 ? html`<p class="quiet">No conversations yet</p>` : nothing
			}
      ${repeat(
				groups(model.conversations, model.now),
				([name]) => name,
				([name, members]) => html`
          <section aria-label=${name}>
            <h2>${name}</h2>
            <ul>
              ${repeat(
								members,
								(member) => member.id,
								(member) => row(member, model, actions),
							)}
            </ul>
          </section>
        `,
			)}
      <div id="conversation-list-end"></div>
    </nav>
    <div class="foot">
      <button id="open-settings" type="button" title=${hint("Settings", "settings")} aria-keyshortcuts=${aria("settings")}
        aria-current=${model.shownId === null ? "page" : "false"}
        @click=${actions.openSettings}>${icon("settings")}<span>Settings</span></button>
      <button id="open-shortcuts" type="button" class="bare" aria-haspopup="dialog" aria-label="Keyboard shortcuts"
        title=${hint("Keyboard shortcuts", "shortcuts")} aria-keyshortcuts=${aria("shortcuts")}
        @click=${actions.openShortcuts}>${icon("keyboard")}</button>
    </div>
  `;
}

function row(
	conversation: ConversationSummary,
	model: SidebarModel,
	actions: SidebarActions,
): TemplateResult {
	const title = conversation.title ?? UNTITLED;
	const shown = conversation.id === model.shownId;
	const onKey = (event: KeyboardEvent) => {
		if (event.key === "F2") actions.rename(conversation);
		else if (event.key === "Delete") {
			// After a deletion, the next row has the focus: a held key would delete one after the other.
			if (!event.repeat) actions.remove(conversation);
		} else if (event.key === "ArrowDown" || event.key === "ArrowUp") moveFocus(event);
		else return;
		event.preventDefault();
	};
	return html`
    <li class="conversation" data-conversation-id=${conversation.id}>
      <button
        type="button"
        class="open"
        title=${title}
        aria-current=${shown ? "page" : "false"}
        aria-keyshortcuts="F2 Delete"
        @click=${() => actions.open(conversation.id)}
        @keydown=${onKey}
      >
        <span class="name">${title}</span>
        ${state(conversation, model.unread)}
      </button>
      <span class="actions">
        <button type="button" class="bare" aria-label=${`Rename ${title}`} title="Rename (F2)"
          @click=${() => actions.rename(conversation)}>${icon("pencil")}</button>
        <button type="button" class="bare" aria-label=${`Delete ${title}`} title=${`Delete (${formatShortcut("Delete")})`}
          @click=${() => actions.remove(conversation)}>${icon("trash-2")}</button>
      </span>
    </li>
  `;
}

function state(conversation: ConversationSummary, unread: ReadonlySet<string>) {
	if (conversation.busy) {
		return html`<span class="busy" role="img" aria-label="An answer is being written"
      >${icon("loader-circle")}</span>`;
	}
	return unread.has(conversation.id)
		? html`<span class="unread" role="img" aria-label="New answer">●</span>`
		: nothing;
}

/**
 * Handles Undo for what was just deleted. The whole sidebar listens, because no row is left after the last one
 * was deleted.
 */
export function listenToUndo(root: HTMLElement, undo: () => void): void {
	root.addEventListener("keydown", (event) => {
		if (!matches(event, "Mod+Z")) return;
		event.preventDefault();
		undo();
	});
}

function moveFocus(event: KeyboardEvent): void {
	const buttons = [...document.querySelectorAll<HTMLElement>("#conversation-list .open")];
	const step = event.key === "ArrowDown" ? 1 : -1;
	buttons[buttons.indexOf(event.currentTarget as HTMLElement) + step]?.focus();
}

/** Groups the conversations by age, in the given order, without empty groups. */
export function groups(
	conversations: readonly ConversationSummary[],
	now: number,
): [string, ConversationSummary[]][] {
	const today = new Date(now).setHours(0, 0, 0, 0);
	const day = 86_400_000;
	const grouped = new Map<string, ConversationSummary[]>();
	for (const conversation of conversations) {
		const at = conversation.updatedAt;
		const name =
			at >= today
				? "Today"
				: at >= today - day
					? "Yesterday"
					: at >= today - 7 * day
						? "Previous 7 days"
						: "Older";
		grouped.set(name, [...(grouped.get(name) ?? []), conversation]);
	}
	return [...grouped];
}
