/** What a send does while an answer is being written: the choice for one conversation, and its words. */
import { html, type TemplateResult } from "lit-html";
import { live } from "lit-html/directives/live.js";
import type { SendPolicy } from "../../ipc/bindings";
import { field, textOf } from "../../shared/field";

export const POLICIES: Record<SendPolicy, string> = {
	reject: "Refuse it",
	queue: "Queue it",
	interrupt: "Stop the answer and send it",
	rollback: "Replace the running turn with it",
};

export const POLICY_LABEL = "A message sent while an answer is written";

export const POLICY_HELP =
	"Refused, it stays in the composer. Queued, it is sent when the answer has ended. A turn that was replaced stays as another version.";

/** The select for one conversation; null is the default of all. */
export function policyField(
	chosen: SendPolicy | null,
	byDefault: SendPolicy,
	choose: (policy: SendPolicy | null) => void,
): TemplateResult {
	const model = { id: "send-policy", label: POLICY_LABEL, help: POLICY_HELP, problem: null };
	const value = chosen ?? "";
	return field(
		model,
		(
			links,
		) => html`<select id="send-policy" aria-describedby=${links.describedBy} .value=${live(value)}
      @change=${(event: Event) => choose((textOf(event) || null) as SendPolicy | null)}>
      <option value="" ?selected=${value === ""}>Default: ${POLICIES[byDefault]}</option>
      ${Object.entries(POLICIES).map(
				([policy, name]) =>
					html`<option value=${policy} ?selected=${policy === value}>${name}</option>`,
			)}
    </select>`,
	);
}
