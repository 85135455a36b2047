/** The form of one provider. */
import { html, nothing, type TemplateResult } from "lit-html";
import { live } from "lit-html/directives/live.js";
import { choices, field, textOf } from "../../shared/field";
import { icon } from "../../shared/icon";
import { afterPress } from "../../shared/press";
import { title } from "../../shared/section";
import type { KeyChoice, NewKeyPlace, ProviderEditor, ProviderField } from "./editor";
import { keyName, keyState } from "./texts";

export interface ProviderFormActions {
	/** Saves the provider, with a new key in `place`. */
	save(place: NewKeyPlace): void;
	test(): void;
	/** Allows what the test asked for, and tests again. */
	allow(): void;
	cancel(): void;
	copy(text: string): void;
	/** Opens an address in the system's browser. */
	open(address: string): void;
}

export function providerForm(editor: ProviderEditor, actions: ProviderFormActions): TemplateResult {
	const isBusy = editor.testing.value || editor.saving.value;
	if (editor.isPasted.value && isBusy) return connecting(editor, actions);
	const save = (event: SubmitEvent) => {
		event.preventDefault();
		actions.save("keychain");
	};
	return html`
    ${title(headOf(editor))}
    ${editor.isFixed ? fixed(editor) : nothing}
    <form id="provider-form" class="fields" novalidate @submit=${save}>
      ${editor.isFixed ? nothing : fields(editor, actions)}
      ${consentLine(editor)}
      ${test(editor, actions)}
      ${consentQuestion(editor, actions)}
      ${outcome(editor, actions)}
      <div class="choices">
        <button id="cancel-provider" type="button" @click=${actions.cancel}>Cancel</button>
        <button id="save-provider" type="submit" class="primary" aria-disabled=${String(editor.saving.value)}
          >${editor.saving.value ? "Saving…" : "Save"}</button>
      </div>
    </form>
  `;
}

function headOf({ preset, known, isFixed }: ProviderEditor): string {
	if (known !== null) return `${isFixed ? "Review" : "Edit"} ${known.name}`;
	return `Add ${preset.id === "custom" ? "another server" : preset.name}`;
}

function fields(editor: ProviderEditor, actions: ProviderFormActions): TemplateResult {
	return html`
    ${text(editor, "name", "Name", "Shown in the list of models.", "text")}
    ${text(editor, "baseUrl", "Base URL", addressHelp(editor), "url")}
    ${editor.known?.hasKey ? keyChoices(editor) : nothing}
    ${editor.takesKey.value ? keyField(editor, actions) : nothing}
    ${text(
			editor,
			"maxParallel",
			"Concurrent requests",
			"Further requests wait, to stay within the provider’s limits.",
			"numeric",
		)}
  `;
}

/** In place of the fields that the environment determines. */
function fixed({ texts }: ProviderEditor): TemplateResult {
	return html`
    <p class="quiet">Environment variables set its address and key. To change them, set the variables and restart Conch.</p>
    <p class="address">${texts.value.baseUrl}</p>
  `;
}

/** Shown in place of the form while nothing is left to fill in. */
function connecting(editor: ProviderEditor, { cancel }: ProviderFormActions): TemplateResult {
	const { texts } = editor;
	return html`
    ${title(headOf(editor))}
    <div id="connecting" class="connecting">
      <p role="status">${icon("loader-circle")}<span>${
				editor.saving.value ? "Saving…" : `Connecting to ${texts.value.baseUrl}…`
			}</span></p>
      <button id="cancel-provider" type="button" @click=${cancel}>Cancel</button>
    </div>
  `;
}

const IDS: Record<ProviderField, string> = {
	name: "provider-name",
	baseUrl: "provider-address",
	key: "provider-key",
	maxParallel: "provider-parallel",
};

function text(
	editor: ProviderEditor,
	name: ProviderField,
	label: string,
	help: string | TemplateResult,
	mode: string,
): TemplateResult {
	const id = IDS[name];
	const problem = editor.problems.value.get(name) ?? null;
	const wide = name !== "maxParallel";
	return field(
		{ id, label, help, problem, wide },
		(
			links,
		) => html`<input id=${id} type="text" inputmode=${mode} autocomplete="off" spellcheck="false"
      aria-describedby=${links.describedBy} aria-invalid=${links.invalid}
      .value=${live(editor.texts.value[name])} @input=${(event: Event) => editor.type(name, textOf(event))}
      @blur=${() => afterPress(() => editor.leave(name))} />`,
	);
}

function addressHelp({ preset }: ProviderEditor): string {
	if (preset.id === "azure")
		return "The resource’s endpoint, for example https://my-resource.openai.azure.com";
	return preset.baseUrl === ""
		? "Where requests are sent, for example http://127.0.0.1:8000/v1"
		: "Where requests are sent. Change it only to use a proxy or another server.";
}

function keyChoices(editor: ProviderEditor): TemplateResult {
	const { known } = editor;
	const name = known === null ? "key" : keyName(known).replace("API key", "key");
	const options: Record<KeyChoice, string> = {
		keep: `Keep ${name}`,
		set: "Replace",
		remove: "Remove",
	};
	return choices(
		{
			id: "provider-key-choice",
			label: "API key",
			help:
				known === null ? "" : `${keyState(known)}. A key is never shown again after you enter it.`,
			problem: null,
			wide: true,
		},
		options,
		editor.keyChoice.value,
		(choice) => editor.chooseKey(choice),
	);
}

function keyField(editor: ProviderEditor, actions: ProviderFormActions): TemplateResult {
	const shown = editor.keyShown.value;
	const toggle = () => {
		editor.keyShown.value = !shown;
	};
	return field(
		{
			id: IDS.key,
			label: editor.known?.hasKey ? "New API key" : "API key",
			help: keyHelp(editor, actions),
			problem: editor.problems.value.get("key") ?? null,
			wide: true,
		},
		(links) => html`
      <div class="secret">
        <input id=${IDS.key} type=${shown ? "text" : "password"} autocomplete="off" spellcheck="false"
          aria-describedby=${links.describedBy} aria-invalid=${links.invalid} .value=${live(editor.texts.value.key)}
          @input=${(event: Event) => editor.type("key", textOf(event))} @blur=${() => afterPress(() => editor.leave("key"))} />
        <button id="show-key" type="button" class="bare" aria-label="Show API key" title=${shown ? "Hide" : "Show"}
          aria-pressed=${String(shown)} @click=${toggle}>${icon(shown ? "eye-off" : "eye")}</button>
      </div>
    `,
	);
}

function keyHelp({ preset }: ProviderEditor, actions: ProviderFormActions): TemplateResult {
	const kept = "Stored in this computer’s keychain.";
	const { keyUrl, needsKey } = preset;
	if (keyUrl === null) return html`${needsKey ? "" : "Only if the server requires one. "}${kept}`;
	return html`${kept} Get a key at
    <span class="together"><button id="open-key-url" type="button" class="link" title=${keyUrl}
      aria-label=${`Open ${keyUrl} in the browser`} @click=${() => actions.open(keyUrl)}
      ><span class="key-url">${shortAddress(keyUrl)}</span>${icon("external-link")}</button>
    <button id="copy-key-url" type="button" class="bare small" aria-label="Copy link"
      title="Copy link" @click=${() => actions.copy(keyUrl)}>${icon("copy")}</button></span>`;
}

/** Returns an address without its scheme and its query. */
function shortAddress(address: string): string {
	return address.replace(/^https:\/\//, "").replace(/[?#].*$/, "");
}

/** What the user allowed for this address, and the way to take it back. */
function consentLine(editor: ProviderEditor): TemplateResult | typeof nothing {
	const consent = editor.consent.value;
	if (consent === null) return nothing;
	const allowed =
		consent.type === "plainHttp"
			? html`You allowed unencrypted connections to <b>${consent.origin}</b>.`
			: html`You trust one certificate of <b>${consent.origin}</b>:
          ${fingerprint(consent.sha256, "trusted")}`;
	return html`
    <div id="consent" class="consent">
      <p>${allowed}</p>
      <button id="withdraw-consent" type="button" @click=${() => editor.withdraw()}>Withdraw</button>
    </div>
  `;
}

/** What the user is asked to allow after a test. It has the address or the fingerprint in it, and is not focused by itself. */
function consentQuestion(
	editor: ProviderEditor,
	actions: ProviderFormActions,
): TemplateResult | typeof nothing {
	const question = editor.question.value;
	if (question === null) return nothing;
	const { consent, before } = question;
	const isPlain = consent.type === "plainHttp";
	return html`
    <div id="consent-question" class="error-notice" role="group" tabindex="-1" aria-labelledby="consent-title">
      <p id="consent-title"><strong>${
				isPlain
					? `Send the key and your messages unencrypted to ${consent.origin}?`
					: before === null
						? `Trust the certificate of ${consent.origin}?`
						: `Trust the new certificate of ${consent.origin}?`
			}</strong></p>
      ${
				isPlain
					? html`<p>Everyone in your network could read them. Conch asks again for any other address.</p>`
					: certificates(consent.sha256, before)
			}
      <button id="give-consent" type="button" @click=${actions.allow}>${
				isPlain ? `Allow for ${consent.origin}` : "Trust this certificate"
			}</button>
    </div>
  `;
}

function certificates(presented: string, before: string | null): TemplateResult {
	const compare = "Trust it only if the server itself shows the same SHA-256 fingerprint:";
	if (before === null) {
		return html`
      <p>No authority that this machine trusts signed it. ${compare}</p>
      ${fingerprint(presented, "presented")}
      <p>For an organisation’s own authority, add the authority’s certificate to the system’s store instead, or name its
        file in SSL_CERT_FILE, and restart Conch.</p>
    `;
	}
	return html`
    <p>The server was set up again, or something else answers in its place. ${compare}</p>
    ${fingerprint(presented, "presented")}
    <p>You trusted this one until now:</p>
    ${fingerprint(before, "before")}
  `;
}

/** A fingerprint, whose lines end between two bytes. */
function fingerprint(sha256: string, is: "presented" | "before" | "trusted"): TemplateResult {
	const [first, ...rest] = sha256.split(":");
	return html`<code class="fingerprint" data-is=${is}>${first}${rest.map(
		(byte) => html`:<wbr>${byte}`,
	)}</code>`;
}

function test(editor: ProviderEditor, actions: ProviderFormActions): TemplateResult {
	const { testing, tested } = editor;
	const words = testing.value ? "Testing…" : (tested.value?.text ?? "");
	const state = tested.value === null ? "none" : tested.value.worked ? "worked" : "failed";
	return html`
    <div class="test">
      <button id="test-connection" type="button" aria-disabled=${String(testing.value)}
        @click=${actions.test}>Test connection</button>
      <p id="test-result" role="status" data-state=${state}>${
				state === "none" ? nothing : icon(state === "worked" ? "circle-check" : "circle-alert")
			}<span>${words}</span></p>
    </div>
  `;
}

/** Why it is not saved yet. Without a keychain, only the user chooses where the key is stored. */
function outcome(editor: ProviderEditor, actions: ProviderFormActions): TemplateResult {
	const keychain = editor.keychainProblem.value;
	return html`
    <div role="alert">
      ${editor.problem.value === null ? nothing : html`<p id="save-problem" class="problem">${editor.problem.value}</p>`}
      ${
				keychain === null
					? nothing
					: html`
            <div id="keychain-problem" class="error-notice">
              <p><strong>Nothing is saved yet.</strong> ${keychain}</p>
              <p>Where should the key be stored?</p>
              <button id="keep-for-session" type="button" @click=${() => actions.save("session")}
                >Use it until Conch quits</button>
              <button id="keep-in-file" type="button" @click=${() => actions.save("file")}
                >Save it in a file only you can read</button>
            </div>
          `
			}
    </div>
  `;
}
