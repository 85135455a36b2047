/** A form field with its label, help text and validation error. */
import { html, nothing, type TemplateResult } from "lit-html";
import { live } from "lit-html/directives/live.js";

export interface FieldModel {
	/** The id of its control. */
	readonly id: string;
	readonly label: string;
	readonly help: string | TemplateResult;
	readonly problem: string | null;
	/** The control takes the field's whole width. */
	readonly wide?: boolean;
}

/** ARIA attributes of a control. */
export interface FieldLinks {
	readonly describedBy: string;
	readonly invalid: "true" | "false";
}

export function field(
	model: FieldModel,
	control: (links: FieldLinks) => TemplateResult,
): TemplateResult {
	return html`
    <div class=${model.wide ? "field wide" : "field"} data-field=${model.id}>
      <label for=${model.id}>${model.label}</label>
      <p class="help" id=${`${model.id}-help`}>${model.help}</p>
      <div class="control">${control(linksOf(model))}</div>
      ${problemLine(model.id, model.problem)}
    </div>
  `;
}

/** A radio group, laid out like {@link field}. */
export function choices<Value extends string>(
	model: FieldModel,
	options: Readonly<Record<Value, string>>,
	chosen: Value,
	choose: (value: Value) => void,
): TemplateResult {
	const { describedBy, invalid } = linksOf(model);
	const values = Object.keys(options) as Value[];
	return html`
    <div class=${model.wide ? "field wide" : "field"} data-field=${model.id} role="radiogroup"
      aria-labelledby=${`${model.id}-label`} aria-describedby=${describedBy} aria-invalid=${invalid}>
      <span class="label" id=${`${model.id}-label`}>${model.label}</span>
      <p class="help" id=${`${model.id}-help`}>${model.help}</p>
      <div class="control radios">
        ${values.map(
					(value) => html`
            <label class="radio">
              <input type="radio" name=${model.id} value=${value} .checked=${live(value === chosen)}
                @change=${() => choose(value)} />
              <span>${options[value]}</span>
            </label>
          `,
				)}
      </div>
      ${problemLine(model.id, model.problem)}
    </div>
  `;
}

function linksOf(model: FieldModel): FieldLinks {
	return {
		describedBy: `${model.id}-help ${model.id}-problem`,
		invalid: model.problem === null ? "false" : "true",
	};
}

/** Always rendered, because a screen reader announces only changes of an existing element. */
function problemLine(id: string, problem: string | null): TemplateResult {
	return html`<p class="problem" id=${`${id}-problem`} role="alert">${problem ?? nothing}</p>`;
}

/** Returns the value of a control in its own event. */
export function textOf(event: Event): string {
	return (event.currentTarget as HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement).value;
}
