/** Questions that have to be answered: a new name, and whether to delete. */
import { html, nothing, type TemplateResult } from "lit-html";
import { ref } from "lit-html/directives/ref.js";

export type Question =
	| { readonly type: "rename"; readonly id: string; readonly title: string }
	| { readonly type: "remove"; readonly id: string; readonly title: string };

export interface DialogActions {
	rename(id: string, title: string): void;
	remove(id: string): void;
	close(): void;
}

export function dialogs(question: Question | null, actions: DialogActions): TemplateResult {
	if (question === null) return html`${nothing}`;
	const form = question.type === "rename" ? renameForm(question) : removeForm(question);
	const onSubmit = (event: SubmitEvent) => {
		event.preventDefault();
		const answer = (event.submitter as HTMLButtonElement | null)?.value;
		const title = new FormData(event.currentTarget as HTMLFormElement).get("title");
		actions.close();
		if (answer === "cancel") return;
		if (question.type === "remove") actions.remove(question.id);
		else actions.rename(question.id, String(title));
	};
	return html`
    <dialog aria-labelledby="question" @close=${actions.close} ${ref(open)}>
      <form @submit=${onSubmit}>${form}</form>
    </dialog>
  `;
}

function renameForm(question: Question): TemplateResult {
	return html`
    <h2 id="question">Rename conversation</h2>
    <input name="title" aria-labelledby="question" .value=${question.title} maxlength="200" required autofocus />
    <div class="choices">
      <button type="submit" value="cancel" formnovalidate>Cancel</button>
      <button type="submit" value="ok" class="primary">Rename</button>
    </div>
  `;
}

function removeForm(question: Question): TemplateResult {
	return html`
    <h2 id="question">Delete “${question.title}”?</h2>
    <p>All its messages will be gone. This cannot be undone.</p>
    <div class="choices">
      <button type="submit" value="cancel" autofocus>Cancel</button>
      <button type="submit" value="ok" class="danger">Delete</button>
    </div>
  `;
}

function open(element: Element | undefined): void {
	if (!(element instanceof HTMLDialogElement) || element.open) return;
	// The template is not in the document yet when it is made.
	queueMicrotask(() => {
		element.showModal();
		element.querySelector<HTMLInputElement>("input")?.select();
	});
}
