/** The map: the forks and ends of a conversation's tree, one row each, beside their lanes. */
import { html, nothing, svg, type TemplateResult } from "lit-html";
import { live } from "lit-html/directives/live.js";
import { repeat } from "lit-html/directives/repeat.js";
import type { Tree, TreeBranch, TreeNode } from "../../ipc/bindings";
import { count } from "../../shared/format";
import { icon } from "../../shared/icon";
import { formatShortcut, isComposing } from "../../shared/keyboard";
import { hint } from "../shortcuts/shortcuts";
import type { Row } from "./layout";
import { linesOf } from "./lines";
import { branchMarks, branchWords, FAILED, factsOf } from "./states";

export interface MapModel {
	/** Null until it is read. */
	readonly tree: Tree | null;
	/** Why it could not be read. */
	readonly problem: string | null;
	readonly filter: string;
	/** The rows that are drawn. */
	readonly rows: readonly Row[];
	/** How many more the filter leaves. */
	readonly more: number;
	/** The nodes that the filter finds. */
	readonly matches: ReadonlySet<string>;
	/** The nodes of the shown branch. */
	readonly path: ReadonlySet<string>;
	/** The node at which the shown branch ends. */
	readonly endId: string | null;
	/** The shown branch. */
	readonly branchId: string | null;
	/** The node that has the focus, or gets it. */
	readonly activeId: string | null;
	/** Returns the name of a model. */
	modelName(id: string): string;
}

export interface MapActions {
	type(text: string): void;
	/** Moves to the row that a key leads to. Returns false for other keys. */
	press(key: string): boolean;
	activate(node: TreeNode): void;
	/** Shows a node, on one of its branches if any is given. */
	go(node: TreeNode, branchId: string | null): void;
	fork(messageId: string): void;
	retry(): void;
	close(): void;
}

/** Places of branches that are named in a row: more are counted. */
const MAX_NAMES = 3;

/** From this number of nodes on, there is a filter. */
const MANY = 8;

const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export function mapPanel(model: MapModel, actions: MapActions): TemplateResult {
	const { tree } = model;
	const hasFilter = tree !== null && (tree.nodes.length >= MANY || model.filter !== "");
	const onKey = (event: KeyboardEvent) => {
		if (event.key !== "Escape" || isComposing(event)) return;
		event.preventDefault();
		// It would stop an answer, too.
		event.stopPropagation();
		actions.close();
	};
	return html`
    <div class="map" @keydown=${onKey}>
      <header>
        <h2 id="map-title">Map</h2>
        <span class="quiet">${tree === null ? nothing : count(tree.branches.length, "branch", "branches")}</span>
        <button id="close-map" type="button" class="bare" aria-label="Close the map" title=${hint("Close the map", "map")}
          @click=${actions.close}>${icon("x")}</button>
      </header>
      ${hasFilter ? filterField(model, actions) : nothing}
      ${
				model.problem === null
					? nothing
					: html`<div class="note" role="alert"><p>Could not read the map: ${model.problem}</p>
              <button id="retry-map" type="button" @click=${actions.retry}>${icon("rotate-ccw")}<span>Try again</span></button></div>`
			}
      ${body(model, actions)}
    </div>
  `;
}

function filterField({ filter }: MapModel, actions: MapActions): TemplateResult {
	const onKey = (event: KeyboardEvent) => {
		if (isComposing(event)) return;
		const field = event.currentTarget as HTMLInputElement;
		const tree = field.closest(".map")?.querySelector<HTMLElement>("[role=treeitem][tabindex='0']");
		if (event.key === "Escape" && filter !== "") actions.type("");
		else if (event.key === "ArrowDown") tree?.focus();
		else if (event.key === "Enter") tree?.click();
		else return;
		event.preventDefault();
		event.stopPropagation();
	};
	return html`
    <search class="search">
      ${icon("search")}
      <input id="map-filter" type="text" placeholder="Filter by words or branch" aria-label="Filter by words or branch"
        autocomplete="off" spellcheck="false" .value=${live(filter)} @keydown=${onKey}
        @input=${(event: Event) => actions.type((event.currentTarget as HTMLInputElement).value)} />
    </search>
  `;
}

function body(model: MapModel, actions: MapActions): TemplateResult {
	const { tree, rows } = model;
	if (tree === null) {
		return model.problem === null
			? html`<p class="note quiet" role="status">Reading the map…</p>`
			: html`${nothing}`;
	}
	const [only] = tree.nodes;
	if (only === undefined) {
		return html`<p class="note quiet">This conversation has no messages yet.</p>`;
	}
	if (tree.nodes.length === 1 && tree.branches.length === 1) return onePath(only, actions);
	if (rows.length === 0) {
		return html`<p class="note quiet" role="status">Nothing matches. ${formatShortcut("Escape")} shows all.</p>`;
	}
	return graph(model, tree, actions);
}

function onePath(node: TreeNode, actions: MapActions): TemplateResult {
	return html`
    <div class="note">
      <p>This conversation has one branch.</p>
      ${
				node.status === "generating"
					? nothing
					: html`<button id="fork-last" type="button" @click=${() => actions.fork(node.id)}
              >${icon("git-branch")}<span>Fork from the last message</span></button>`
			}
    </div>
  `;
}

function graph(model: MapModel, tree: Tree, actions: MapActions): TemplateResult {
	const { rows } = model;
	const lines = linesOf(rows);
	const branches = new Map(tree.branches.map((branch) => [branch.id, branch]));
	const nodeOf = (target: EventTarget | null) => {
		const element = (target as Element).closest<HTMLElement>("[data-node-id]");
		return rows.find(({ node }) => node.id === element?.dataset.nodeId)?.node;
	};
	const onClick = (event: Event) => {
		const node = nodeOf(event.target);
		const branch = (event.target as Element).closest<HTMLElement>("[data-branch-id]");
		if (node !== undefined) actions.go(node, branch?.dataset.branchId ?? null);
	};
	const onKey = (event: KeyboardEvent) => {
		if (event.ctrlKey || event.altKey || event.metaKey || isComposing(event)) return;
		const node = nodeOf(event.target);
		const field = document.getElementById("map-filter");
		if (event.key === "Enter" || event.key === " ") {
			if (node !== undefined && !event.repeat) actions.go(node, null);
		} else if (!actions.press(event.key)) {
			// A letter goes to the filter, and not to the composer.
			if ([...event.key].length === 1) field?.focus();
			return;
		}
		event.preventDefault();
	};
	const onFocus = (event: Event) => {
		const node = nodeOf(event.target);
		if (node !== undefined) actions.activate(node);
	};
	return html`
    <div class="graph">
      <svg class="lanes" aria-hidden="true" width=${lines.width} height=${lines.height}>
        ${rows.map((row, index) => lane(row, lines.line(row, index), model, false))}
        ${rows.map((row, index) => lane(row, lines.line(row, index), model, true))}
        ${rows.map((row, index) => dot(row, lines.dot(row, index), model, branches))}
      </svg>
      <div id="map-tree" role="tree" aria-labelledby="map-title" ?data-filtered=${model.filter !== ""} @click=${onClick} @keydown=${onKey} @focusin=${onFocus}>
        ${repeat(
					rows,
					({ node }) => node.id,
					(row) => rowView(row, model, branches),
				)}
      </div>
    </div>
    ${model.more > 0 ? html`<p class="note quiet">${model.more} more: type to filter</p>` : nothing}
  `;
}

/** A line from a fork to a row: those of the shown branch are drawn over the others. */
function lane({ node }: Row, path: string | null, model: MapModel, isShown: boolean) {
	if (path === null || model.path.has(node.id) !== isShown) return nothing;
	return svg`<path d=${path} ?data-shown=${isShown}></path>`;
}

function dot(
	{ node, next }: Row,
	[x, y]: readonly [number, number],
	model: MapModel,
	branches: ReadonlyMap<string, TreeBranch>,
) {
	const isAnswering = node.branchIds.some((id) => branches.get(id)?.locked === true);
	const isEnd = next === null || node.branchIds.length > 0;
	const kind = isAnswering ? "answering" : node.hidden ? "hidden" : isEnd ? "end" : "fork";
	return svg`<circle cx=${x} cy=${y} r=${isEnd ? 4 : 3} data-kind=${kind}
    ?data-shown=${model.path.has(node.id)}></circle>`;
}

function rowView(
	row: Row,
	model: MapModel,
	branches: ReadonlyMap<string, TreeBranch>,
): TemplateResult {
	const { node } = row;
	const ending = node.branchIds.flatMap((id) => branches.get(id) ?? []);
	const words = labelOf(node, model);
	const isEnd = node.id === model.endId;
	return html`
    <div role="treeitem" class="row" data-node-id=${node.id} tabindex=${node.id === model.activeId ? 0 : -1}
      aria-level=${row.level} aria-posinset=${row.place} aria-setsize=${row.siblings} aria-selected=${String(isEnd)}
      aria-label=${nameOf(node, words, ending, model)} title=${`${words}\n${count(node.count, "message")}, ${WHEN.format(node.createdAt)}`}
      ?data-shown=${model.path.has(node.id)} ?data-dim=${!model.matches.has(node.id)}>
      ${ending.slice(0, MAX_NAMES).map((branch) => chip(branch, branch.id === model.branchId))}
      ${ending.length > MAX_NAMES ? html`<span class="more" data-number=${`+${ending.length - MAX_NAMES}`}></span>` : nothing}
      <span class="label" ?data-answer=${node.role !== "user"} dir="auto">${words}</span>
      ${ending.length === 0 ? failure(node) : nothing}
      <span class="count">${node.count}</span>
    </div>
  `;
}

function chip(branch: TreeBranch, isShown: boolean): TemplateResult {
	return html`<span class="ref" data-branch-id=${branch.id} ?data-current=${isShown} title=${branchWords(branch)}
    ><span class="name" dir="auto">${branch.name}</span>${branchMarks(branch)}</span> `;
}

/** The mark of an end that failed and that no branch shows: of the others, the branch has it. */
function failure({ status }: TreeNode): TemplateResult | typeof nothing {
	return status === "failed" || status === "interrupted" ? FAILED : nothing;
}

const ENDED = { failed: "failed", interrupted: "interrupted" } as Record<string, string>;

/** Returns the words that tell a node from its siblings. */
function labelOf({ label, role, model: id, status }: TreeNode, model: MapModel): string {
	if (role === "user") return label === "" ? "Files" : label;
	const name = id === null ? "Answer" : model.modelName(id);
	if (label !== "") return `${name}: ${label}`;
	return status === "generating" ? `${name} is answering` : `${name}: no text`;
}

/** Returns all that a row says, for a screen reader: first its visible text, in its order. */
function nameOf(
	node: TreeNode,
	words: string,
	ending: readonly TreeBranch[],
	model: MapModel,
): string {
	const facts = [
		...ending.slice(0, MAX_NAMES).map(({ name }) => name),
		words,
		count(node.count, "message"),
		...(ending.length === 1
			? ending.flatMap(factsOf)
			: ending.filter((branch) => factsOf(branch).length > 0).map(branchWords)),
		ending.length > MAX_NAMES ? `${ending.length - MAX_NAMES} more branches` : "",
		node.hidden ? "on no branch" : "",
		ending.length === 0 ? (ENDED[node.status] ?? "") : "",
		node.id === model.endId ? "shown" : model.path.has(node.id) ? "on the shown branch" : "",
	];
	return facts.filter((fact) => fact !== "").join(", ");
}
