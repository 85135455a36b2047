/** The find bar. */
import { html, nothing, type TemplateResult } from "lit-html";
import { icon } from "../../shared/icon";
import { formatShortcut, isComposing } from "../../shared/keyboard";

export interface FindModel {
	readonly isOpen: boolean;
	readonly text: string;
	/** Number of matching messages; null while unknown. */
	readonly count: number | null;
	/** Index of the shown match, from 0. */
	readonly at: number;
}

export interface FindActions {
	type(text: string): void;
	step(by: 1 | -1): void;
	close(): void;
}

const PREVIOUS = `Previous match (${formatShortcut("Enter")})`;
const NEXT = `Next match (${formatShortcut("Shift+Enter")})`;
const CLOSE = `Close (${formatShortcut("Escape")})`;

export function findBar(model: FindModel, actions: FindActions): TemplateResult {
	if (!model.isOpen) return html`${nothing}`;
	const onKey = (event: KeyboardEvent) => {
		if (isComposing(event)) return;
		const inField = event.target instanceof HTMLInputElement;
		if (event.key === "Enter" && inField) actions.step(event.shiftKey ? 1 : -1);
		else if (event.key === "Escape") actions.close();
		else return;
		event.preventDefault();
		event.stopPropagation();
	};
	const none = model.count === 0;
	return html`
    <search class="find-bar" @keydown=${onKey}>
      ${icon("search")}
      <input
        id="find-text"
        type="text"
        aria-label="Find in this conversation"
        placeholder="Find in this conversation"
        spellcheck="false"
        autocomplete="off"
        aria-invalid=${String(none)}
        .value=${model.text}
        @input=${(event: Event) => actions.type((event.currentTarget as HTMLInputElement).value)}
      />
      <span class="quiet" role="status">${result(model)}</span>
      <button type="button" class="bare" aria-label=${PREVIOUS} title=${PREVIOUS}
        @click=${() => actions.step(-1)}>${icon("chevron-up")}</button>
      <button type="button" class="bare" aria-label=${NEXT} title=${NEXT}
        @click=${() => actions.step(1)}>${icon("chevron-down")}</button>
      <button type="button" class="bare" aria-label=${CLOSE} title=${CLOSE}
        @click=${actions.close}>${icon("x")}</button>
    </search>
  `;
}

function result({ text, count, at }: FindModel): string {
	if (text === "" || count === null) return "";
	return count === 0 ? "No matches" : `${at + 1} of ${count}`;
}
