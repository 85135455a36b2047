/** The state of a branch, in words and marks: as the picker and the map show it. */
import { html, nothing, type TemplateResult } from "lit-html";
import type { TreeBranch } from "../../ipc/bindings";
import { icon } from "../../shared/icon";

type State = Pick<TreeBranch, "locked" | "status" | "queued" | "queuePaused">;

/** Returns the facts about a branch that a user has to know; none for one that only waits for the user. */
export function factsOf({ locked, status, queued, queuePaused }: State): string[] {
	const facts = locked ? ["answering"] : [];
	if (!locked && (status === "failed" || status === "interrupted")) facts.push(status);
	if (queued > 0) facts.push(`${queued} queued${queuePaused === null ? "" : ", paused"}`);
	return facts;
}

/** Returns the name of a branch and its state. */
export function branchWords(branch: TreeBranch): string {
	return [branch.name, ...factsOf(branch)].join(", ");
}

/** The state of a branch as marks, which differ by shape. Their words are elsewhere. */
export function branchMarks(branch: State): TemplateResult {
	const waiting = branch.queued > 0 ? queueMark(branch, String(branch.queued)) : nothing;
	return html`${answerMark(branch)}${waiting}`;
}

/** The most important mark of a branch; nothing if its state needs none. */
export function branchMark(branch: State): TemplateResult | typeof nothing {
	const mark = answerMark(branch);
	return mark === nothing && branch.queued > 0 ? queueMark(branch, nothing) : mark;
}

function answerMark({ locked, status }: State): TemplateResult | typeof nothing {
	if (locked)
		return html`<span class="mark busy" aria-hidden="true">${icon("loader-circle")}</span>`;
	return status === "failed" || status === "interrupted" ? FAILED : nothing;
}

/** The mark of an answer that failed. */
export const FAILED = html`<span class="mark failed" aria-hidden="true">${icon("circle-alert")}</span>`;

function queueMark({ queuePaused }: State, number: string | typeof nothing): TemplateResult {
	const name = queuePaused === null ? "list-plus" : "pause";
	return html`<span class="mark queued" aria-hidden="true" data-number=${number}>${icon(name)}</span>`;
}
