/** The parameter fields: the same for all conversations and for one. */
import { html, nothing, type TemplateResult } from "lit-html";
import { live } from "lit-html/directives/live.js";
import { ref } from "lit-html/directives/ref.js";
import type { Parameters } from "../../ipc/bindings";
import { openDialog } from "../../shared/dialog";
import { type FieldLinks, field, textOf } from "../../shared/field";
import { afterPress } from "../../shared/press";
import type { ParameterFields } from "./fields";
import {
	EFFORTS,
	effortsOf,
	type ParameterName,
	PROVIDER_DEFAULT,
	placeholderOf,
	type Taker,
	takes,
} from "./parameters";

const LABELS: Record<ParameterName, string> = {
	systemPrompt: "System prompt",
	temperature: "Temperature",
	topP: "Top-p",
	maxTokens: "Max tokens",
	stop: "Stop sequences",
	reasoningEffort: "Reasoning effort",
};

const HELP: Record<ParameterName, string> = {
	systemPrompt: "Instructions given to the model before the conversation.",
	temperature: "Randomness of the answer, from 0 (most predictable) to 2 (most varied).",
	topP: "Nucleus sampling: considers only the most likely tokens whose total probability reaches this value, above 0 and at most 1.",
	maxTokens: "Maximum length of an answer. A token is about three quarters of an English word.",
	stop: "The answer stops before any of these texts. One per line, at most four.",
	reasoningEffort: "How much a reasoning model thinks before it answers.",
};

const WIDE: ReadonlySet<ParameterName> = new Set(["systemPrompt", "stop"]);

/** Help for a model that samples only while it does not think. */
const WITHOUT_THINKING = "This model ignores it while it thinks.";

/** The fields; `defaults` applies where one is empty. Only those that the model takes are shown. */
export function parameterFields(
	prefix: string,
	fields: ParameterFields,
	defaults: Parameters,
	model?: Taker,
): TemplateResult {
	const shown = (
		name: ParameterName,
		control: (id: string, links: FieldLinks) => TemplateResult,
	) => {
		if (!takes(model, name)) return nothing;
		const id = `${prefix}-${kebab(name)}`;
		const problem = fields.problems.value.get(name) ?? null;
		const wide = WIDE.has(name);
		const help = helpOf(name, model);
		return field({ id, label: LABELS[name], help, problem, wide }, (links) => control(id, links));
	};
	const number = (name: ParameterName, mode: string) =>
		shown(name, (id, links) => numberInput(id, name, mode, links, fields, defaults));
	const text = (name: ParameterName, rows: number) =>
		shown(name, (id, links) => textArea(id, name, rows, links, fields, defaults));
	return html`
    ${text("systemPrompt", 4)}
    ${number("temperature", "decimal")}
    ${number("topP", "decimal")}
    ${number("maxTokens", "numeric")}
    ${shown("reasoningEffort", (id, links) => effortSelect(id, links, fields, defaults, model))}
    ${text("stop", 2)}
  `;
}

function helpOf(name: ParameterName, model: Taker | undefined): string {
	const samples = name === "temperature" || name === "topP";
	return samples && model?.sampling === "without_thinking"
		? `${HELP[name]} ${WITHOUT_THINKING}`
		: HELP[name];
}

/** Names the parameters that the model does not take; null if it takes all. */
export function notTaken(model: Taker | undefined): string | null {
	const names = Object.keys(LABELS) as ParameterName[];
	const missing = names.filter((name) => !takes(model, name));
	if (model === undefined || missing.length === 0) return null;
	const labels = missing.map((name) => LABELS[name].toLowerCase());
	const list = new Intl.ListFormat("en", { type: "disjunction" }).format(labels);
	return `${model.name} takes no ${list}.`;
}

function numberInput(
	id: string,
	name: ParameterName,
	mode: string,
	links: FieldLinks,
	fields: ParameterFields,
	defaults: Parameters,
): TemplateResult {
	// Not type="number": it discards what is not a number.
	return html`<input id=${id} type="text" inputmode=${mode} autocomplete="off" spellcheck="false"
    placeholder=${placeholderOf(name, defaults)} aria-describedby=${links.describedBy}
    aria-invalid=${links.invalid} .value=${live(fields.text(name))}
    @input=${(event: Event) => fields.type(name, textOf(event))}
    @blur=${() => afterPress(() => void fields.leave(name))} />`;
}

function textArea(
	id: string,
	name: ParameterName,
	rows: number,
	links: FieldLinks,
	fields: ParameterFields,
	defaults: Parameters,
): TemplateResult {
	return html`<textarea id=${id} rows=${rows} spellcheck=${name === "systemPrompt" ? "true" : "false"}
    placeholder=${placeholderOf(name, defaults)} aria-describedby=${links.describedBy}
    aria-invalid=${links.invalid} .value=${live(fields.text(name))}
    @input=${(event: Event) => fields.type(name, textOf(event))}
    @blur=${() => afterPress(() => void fields.leave(name))}></textarea>`;
}

function effortSelect(
	id: string,
	links: FieldLinks,
	fields: ParameterFields,
	defaults: Parameters,
	model: Taker | undefined,
): TemplateResult {
	const chosen = fields.text("reasoningEffort");
	const { reasoningEffort } = defaults;
	const unset =
		reasoningEffort === null ? PROVIDER_DEFAULT : `Default: ${EFFORTS[reasoningEffort]}`;
	const choose = (event: Event) => {
		fields.type("reasoningEffort", textOf(event));
		void fields.leave("reasoningEffort");
	};
	return html`<select id=${id} aria-describedby=${links.describedBy} aria-invalid=${links.invalid}
    .value=${live(chosen)} @change=${choose}>
    <option value="" ?selected=${chosen === ""}>${unset}</option>
    ${effortsOf(model, chosen).map(
			(value) =>
				html`<option value=${value} ?selected=${chosen === value}>${EFFORTS[value]}</option>`,
		)}
  </select>`;
}

/** The dialog for one conversation, with `more` fields after its own. Valid fields are saved however it is closed. */
export function parametersDialog(
	fields: ParameterFields,
	defaults: Parameters,
	model: Taker | undefined,
	more: TemplateResult | typeof nothing,
	close: () => void,
): TemplateResult {
	const missing = notTaken(model);
	const done = async (event: SubmitEvent) => {
		event.preventDefault();
		const form = event.currentTarget as HTMLFormElement;
		if (await fields.leaveAll()) form.closest("dialog")?.close();
		else form.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
	};
	const closed = () => {
		void fields.leaveAll();
		close();
	};
	return html`
    <dialog id="parameters" class="large" aria-labelledby="parameters-title" @close=${closed} ${ref(openDialog)}>
      <form novalidate @submit=${done}>
        <h2 id="parameters-title">Parameters of this conversation</h2>
        <p>Only values set here or in the settings are sent.</p>
        <div class="fields">${parameterFields("parameters", fields, defaults, model)}${more}</div>
        ${missing === null ? nothing : html`<p id="parameters-not-taken" class="quiet">${missing}</p>`}
        <div class="choices">
          <button id="parameters-clear" type="button" @click=${() => void fields.clear()}>Clear all</button>
          <button id="parameters-done" type="submit" class="primary">Done</button>
        </div>
      </form>
    </dialog>
  `;
}

function kebab(name: string): string {
	return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
