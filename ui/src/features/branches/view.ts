/** The branches of a conversation: the picker in the header, and its menu. */
import { html, nothing, type TemplateResult } from "lit-html";
import { live } from "lit-html/directives/live.js";
import { repeat } from "lit-html/directives/repeat.js";
import type { Branch, ConversationView } from "../../ipc/bindings";
import { icon } from "../../shared/icon";

/** Id of the popover. */
export const BRANCH_MENU = "branch-menu";

/** How many branches may answer at the same time, at most. */
const MAX_PARALLEL = 8;

export interface BranchActions {
	show(branch: Branch): void;
	rename(branch: Branch): void;
	remove(branch: Branch): void;
	setMaxParallel(max: number): void;
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

/** `branches` have the latest states. */
export function branchMenu(
	view: ConversationView | null,
	branches: readonly Branch[],
	actions: BranchActions,
): TemplateResult {
	if (view === null) return html``;
	const shown = shownBranch(view);
	return html`
    <ul>
      ${repeat(
				branches,
				({ id }) => id,
				(branch) => html`<li>${row(branch, branch.id === view.branchId, actions)}</li>`,
			)}
    </ul>
    <div class="foot">
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

function row(branch: Branch, isShown: boolean, actions: BranchActions): TemplateResult {
	return html`<button type="button" class="bare branch" data-branch-id=${branch.id}
    aria-current=${isShown ? "true" : nothing} ?autofocus=${isShown} @click=${() => actions.show(branch)}>
    <span class="tick">${isShown ? icon("check") : nothing}</span>
    <span class="name">${branch.name}</span>
    ${branch.locked ? html`<span class="fact">${icon("loader-circle")}Answering</span>` : nothing}
  </button>`;
}
