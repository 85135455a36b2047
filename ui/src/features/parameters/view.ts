/** The parameter fields: the same for all conversations and for one. */
import { html, type TemplateResult } from "lit-html";
import { live } from "lit-html/directives/live.js";
import { ref } from "lit-html/directives/ref.js";
import type { Parameters } from "../../ipc/bindings";
import { openDialog } from "../../shared/dialog";
import { type FieldLinks, field, textOf } from "../../shared/field";
import { afterPress } from "../../shared/press";
import type { ParameterFields } from "./fields";
import { EFFORTS, type ParameterName, PROVIDER_DEFAULT, placeholderOf } from "./parameters";

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

/** The fields; `defaults` applies where one is empty. */
export function parameterFields(
	prefix: string,
	fields: ParameterFields,
	defaults: Parameters,
): TemplateResult {
	const shown = (
		name: ParameterName,
		control: (id: string, links: FieldLinks) => TemplateResult,
	) => {
		const id = `${prefix}-${kebab(name)}`;
		const problem = fields.problems.value.get(name) ?? null;
		const wide = WIDE.has(name);
		return field({ id, label: LABELS[name], help: HELP[name], problem, wide }, (links) =>
			control(id, links),
		);
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
    ${shown("reasoningEffort", (id, links) => effortSelect(id, links, fields, defaults))}
    ${text("stop", 2)}
  `;
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
    ${Object.entries(EFFORTS).map(
			([value, label]) =>
				html`<option value=${value} ?selected=${chosen === value}>${label}</option>`,
		)}
  </select>`;
}

/** The dialog for one conversation. Valid fields are saved however it is closed. */
export function parametersDialog(
	fields: ParameterFields,
	defaults: Parameters,
	close: () => void,
): TemplateResult {
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
        <div class="fields">${parameterFields("parameters", fields, defaults)}</div>
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
