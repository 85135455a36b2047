/** Modal questions: a new name, and whether to remove a provider. */
import { html, nothing, type TemplateResult } from "lit-html";
import { ref } from "lit-html/directives/ref.js";
import { openDialog } from "../../shared/dialog";

export type Question =
	| { readonly type: "rename"; readonly id: string; readonly title: string }
	| { readonly type: "renameBranch"; readonly id: string; readonly title: string }
	| { readonly type: "deleteBranch"; readonly id: string; readonly title: string }
	| { readonly type: "removeProvider"; readonly id: string; readonly title: string };

export interface DialogActions {
	rename(id: string, title: string): void;
	renameBranch(id: string, name: string): void;
	deleteBranch(id: string): void;
	removeProvider(id: string): void;
	close(): void;
}

export function dialogs(question: Question | null, actions: DialogActions): TemplateResult {
	if (question === null) return html`${nothing}`;
	const form = FORMS[question.type](question.title);
	const onSubmit = (event: SubmitEvent) => {
		event.preventDefault();
		const form = event.currentTarget as HTMLFormElement;
		const title = new FormData(form).get("title");
		// Closed before it is removed, so that the focus returns to where it was.
		form.closest("dialog")?.close();
		actions.close();
		if (question.type === "removeProvider") actions.removeProvider(question.id);
		else if (question.type === "deleteBranch") actions.deleteBranch(question.id);
		else actions[question.type](question.id, String(title));
	};
	return html`
    <dialog aria-labelledby="question" @close=${actions.close} ${ref(openDialog)}>
      <form @submit=${onSubmit}>${form}</form>
    </dialog>
  `;
}

const FORMS: Record<Question["type"], (title: string) => TemplateResult> = {
	rename: (title) => renameForm("Rename conversation", title),
	renameBranch: (title) => renameForm("Rename branch", title),
	deleteBranch: (title) =>
		confirmForm(
			`Delete the branch “${title}”?`,
			"Its messages are deleted, except those that other branches continue from. A running answer is stopped. This cannot be undone.",
			"Delete",
		),
	removeProvider: (title) =>
		confirmForm(
			`Remove “${title}”?`,
			"Its API key is deleted too. Your conversations are kept; those that use its models will need another model.",
			"Remove",
		),
};

function renameForm(question: string, title: string): TemplateResult {
	return html`
    <h2 id="question">${question}</h2>
    <input name="title" aria-labelledby="question" .value=${title} maxlength="200" required autofocus />
    <div class="choices">
      <button type="button" @click=${cancel}>Cancel</button>
      <button type="submit" class="primary">Rename</button>
    </div>
  `;
}

function confirmForm(title: string, text: string, action: string): TemplateResult {
	return html`
    <h2 id="question">${title}</h2>
    <p>${text}</p>
    <div class="choices">
      <button type="button" autofocus @click=${cancel}>Cancel</button>
      <button type="submit" class="danger">${action}</button>
    </div>
  `;
}

/** Closes the dialog. Not a submit button, because Enter in a field presses the first of those. */
function cancel(event: Event): void {
	(event.currentTarget as Element).closest("dialog")?.close();
}
