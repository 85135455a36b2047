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
	const { locked, status, queued, queuePaused } = branch;
	return html`${locked ? html`<span class="mark busy">${icon("loader-circle")}</span>` : nothing}${
		!locked && (status === "failed" || status === "interrupted")
			? html`<span class="mark failed">${icon("circle-alert")}</span>`
			: nothing
	}${
		queued > 0
			? html`<span class="mark queued">${icon(queuePaused === null ? "list-plus" : "pause")}${queued}</span>`
			: nothing
	}`;
}
