/** The branches of a conversation: the picker in the header, and its menu. */
import { html, nothing, type TemplateResult } from "lit-html";
import { live } from "lit-html/directives/live.js";
import { repeat } from "lit-html/directives/repeat.js";
import type { Branch, ConversationView, TreeBranch } from "../../ipc/bindings";
import { icon } from "../../shared/icon";
import { isComposing } from "../../shared/keyboard";
import { branchMark, factsOf } from "../map/states";
import { aria, hint } from "../shortcuts/shortcuts";

/** Id of the popover. */
export const BRANCH_MENU = "branch-menu";

/** How many branches may answer at the same time, at most. */
const MAX_PARALLEL = 8;

/** From this number of branches on, there is a filter. */
const MANY = 8;

export interface BranchMenuModel {
	/** Null until it is read. */
	readonly view: ConversationView | null;
	/** All branches, with whether they are locked now. */
	readonly branches: readonly Branch[];
	/** What else is known of each, by its id; empty until it is read. */
	readonly states: ReadonlyMap<string, TreeBranch>;
	/** Leaves the branches that have this in their name, or in the words at their fork. */
	readonly filter: string;
}

export interface BranchActions {
	show(branch: Branch): void;
	rename(branch: Branch): void;
	remove(branch: Branch): void;
	setMaxParallel(max: number): void;
	openMap(): void;
}

export interface BranchMenuActions extends BranchActions {
	type(text: string): void;
}

/** Returns the shown branch of a view. */
export function shownBranch(view: ConversationView): Branch | undefined {
	return view.branches.find(({ id }) => id === view.branchId);
}

/** The button that opens the menu; nothing while there is one branch. */
export function branchPicker(view: ConversationView | null): TemplateResult | typeof nothing {
	if (view === null || view.branches.length < 2) return nothing;
	const name = shownBranch(view)?.name ?? "";
	return html`<button id="branch-picker" type="button" class="picker" popovertarget=${BRANCH_MENU}
    aria-haspopup="dialog" aria-label=${`Branch: ${name}`} title="Branches" .value=${view.branchId}
    >${icon("git-branch")}<span>${name}</span></button>`;
}

/** Returns the branches that the filter leaves. */
export function filteredBranches({ branches, states, filter }: BranchMenuModel): readonly Branch[] {
	const wanted = filter.trim().toLowerCase();
	const has = (words: string) => words.toLowerCase().includes(wanted);
	return branches.filter(({ id, name }) => has(name) || has(states.get(id)?.forkLabel ?? ""));
}

export function branchMenu(model: BranchMenuModel, actions: BranchMenuActions): TemplateResult {
	const { view, branches, states } = model;
	if (view === null) return html``;
	const shown = shownBranch(view);
	const left = filteredBranches(model);
	// The one row that Tab leads to.
	const entry = left.some(({ id }) => id === view.branchId) ? view.branchId : left[0]?.id;
	return html`
    ${branches.length >= MANY ? filterField(model.filter, left[0], actions) : nothing}
    ${
			left.length === 0
				? html`<p class="none quiet" role="status">No branch matches.</p>`
				: html`<ul>
            ${repeat(
							left,
							({ id }) => id,
							(branch) =>
								html`<li>${row(branch, states.get(branch.id), view, branch.id === entry, actions)}</li>`,
						)}
          </ul>`
		}
    <div class="foot">
      <button id="open-map" type="button" class="bare" title=${hint("Map of branches", "map")} aria-keyshortcuts=${aria("map")}
        @click=${actions.openMap}>${icon("git-graph")}<span>Map of branches</span></button>
      ${
				shown === undefined || shown.id === view.mainBranchId
					? nothing
					: html`<button id="rename-branch" type="button" class="bare" @click=${() => actions.rename(shown)}
              >${icon("pencil")}<span>Rename this branch…</span></button>
            <button id="delete-branch" type="button" class="bare" @click=${() => actions.remove(shown)}
              >${icon("trash-2")}<span>Delete this branch…</span></button>`
			}
      <label class="capacity"><span>Branches that answer at the same time</span>
        <select id="max-parallel" .value=${live(String(view.maxParallel))}
          @change=${(event: Event) => actions.setMaxParallel(Number((event.currentTarget as HTMLSelectElement).value))}>
          ${Array.from({ length: MAX_PARALLEL }, (_, at) => {
						const value = at + 1;
						return html`<option value=${value} ?selected=${value === view.maxParallel}>${value}</option>`;
					})}
        </select></label>
    </div>
  `;
}

function filterField(
	filter: string,
	first: Branch | undefined,
	actions: BranchMenuActions,
): TemplateResult {
	const onKey = (event: KeyboardEvent) => {
		if (isComposing(event)) return;
		if (event.key === "Enter" && first !== undefined) actions.show(first);
		else if (event.key === "Escape" && filter !== "") actions.type("");
		else return;
		event.preventDefault();
	};
	return html`
    <search class="search">
      ${icon("search")}
      <input id="branch-filter" type="text" placeholder="Filter branches" aria-label="Filter branches" autocomplete="off"
        spellcheck="false" .value=${live(filter)} @keydown=${onKey}
        @input=${(event: Event) => actions.type((event.currentTarget as HTMLInputElement).value)} />
    </search>
  `;
}

function row(
	branch: Branch,
	state: TreeBranch | undefined,
	view: ConversationView,
	isEntry: boolean,
	actions: BranchActions,
): TemplateResult {
	const isShown = branch.id === view.branchId;
	const isMain = branch.id === view.mainBranchId;
	// The lock is known earlier than the rest.
	const now = {
		status: state?.status ?? null,
		queued: state?.queued ?? 0,
		queuePaused: state?.queuePaused ?? null,
		locked: branch.locked,
	};
	const facts = factsOf(now).join(", ");
	const onKey = (event: KeyboardEvent) => {
		const act = { F2: actions.rename, Delete: actions.remove }[event.key];
		if (act === undefined) return;
		// Elsewhere, F2 renames the conversation.
		event.preventDefault();
		if (!isMain && !event.repeat) act(branch);
	};
	return html`<button type="button" class="bare branch" data-branch-id=${branch.id} tabindex=${isEntry ? 0 : -1}
    aria-current=${isShown ? "true" : nothing} aria-keyshortcuts=${isMain ? nothing : "F2 Delete"} ?autofocus=${isShown}
    @click=${() => actions.show(branch)} @keydown=${onKey}>
    <span class="tick">${isShown ? icon("check") : nothing}</span>
    <span class="name" dir="auto">${branch.name}</span>
    ${facts === "" ? nothing : html`<span class="fact">${branchMark(now)}<span class="words">${facts}</span></span>`}
    ${
			state === undefined || state.forkLabel === ""
				? nothing
				: html`<span class="from" dir="auto"><span>from</span> ${state.forkLabel}</span>`
		}
  </button>`;
}
