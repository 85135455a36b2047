/** The settings page, shown instead of the conversation. */
import { html, type TemplateResult } from "lit-html";
import { live } from "lit-html/directives/live.js";
import type {
	Appearance,
	ModelFileInfo,
	ModelInfo,
	OnClose,
	SendKey,
	SendPolicy,
	Settings,
} from "../../ipc/bindings";
import { choices, field, textOf } from "../../shared/field";
import { icon } from "../../shared/icon";
import { formatShortcut } from "../../shared/keyboard";
import { errorNotice, title } from "../../shared/section";
import { modelById } from "../models/search";
import { MENU, modelName } from "../models/view";
import type { ParameterFields } from "../parameters/fields";
import { NO_PARAMETERS } from "../parameters/parameters";
import { parameterFields } from "../parameters/view";
import { POLICIES, POLICY_HELP, POLICY_LABEL } from "../queue/policy";
import { chord } from "../shortcuts/chord";
import { GLOBAL, WRITING_KEYS } from "../shortcuts/shortcuts";
import { modelFileFacts } from "./model-file";
import type { Choice } from "./settings";
import { zoomsWith } from "./zoom";

export const SECTIONS = {
	providers: "Providers",
	answers: "Model & answers",
	writing: "Writing",
	notifications: "Notifications & quitting",
	appearance: "Appearance",
} as const;

export type Section = keyof typeof SECTIONS;

/** Label for the model of a new conversation if no default is chosen. */
export const FIRST_MODEL = "First available";

export interface SettingsModel {
	readonly section: Section;
	/** Null until they are read. */
	readonly settings: Settings | null;
	/** Why they could not be read. */
	readonly problem: string | null;
	/** Why a choice could not be saved. */
	readonly problems: ReadonlyMap<Choice, string>;
	readonly note: string;
	/** The built-in model's file; null until it is read. */
	readonly modelFile: ModelFileInfo | null;
	readonly parameterFields: ParameterFields;
	readonly models: readonly ModelInfo[];
	/** The model picker is open under the default model. */
	readonly pickerOpen: boolean;
	/** Renders the providers section, only while it is shown. */
	providers(): TemplateResult;
}

export interface SettingsActions {
	close(): void;
	show(section: Section): void;
	load(): void;
	/** The model picker is about to open under this button. */
	pickDefault(button: HTMLElement): void;
	notify(on: boolean): void;
	closeBy(way: OnClose): void;
	/** Null for the file that is installed with Conch. */
	chooseModelFile(path: string | null): void;
	choose(appearance: Appearance): void;
	zoom(percent: number): void;
	sendBy(key: SendKey): void;
	sendWhileBusy(policy: SendPolicy): void;
}

export function settings(model: SettingsModel, actions: SettingsActions): TemplateResult {
	return html`
    <header class="settings-header">
      <button id="close-settings" type="button" class="bare" aria-label="Back to the conversation"
        title="Back (Esc)" @click=${actions.close}>${icon("arrow-left")}</button>
      <h1 id="settings-title" tabindex="-1">Settings</h1>
      <p id="settings-note" class="quiet" role="status">${model.note}</p>
    </header>
    <div class="settings-body">
      <div class="settings-column">
        <nav class="sections" aria-label="Settings">
          ${Object.entries(SECTIONS).map(
						([section, name]) => html`
              <button type="button" data-section=${section} aria-current=${section === model.section ? "page" : "false"}
                @click=${() => actions.show(section as Section)}>${name}</button>
            `,
					)}
        </nav>
        <section class="section" data-section=${model.section} aria-labelledby="section-title">
          ${body(model, actions)}
        </section>
      </div>
    </div>
  `;
}

function body(model: SettingsModel, actions: SettingsActions): TemplateResult {
	if (model.section === "providers") return model.providers();
	const { settings } = model;
	return html`
    ${title(SECTIONS[model.section])}
    ${settings === null ? unread(model, actions) : SECTION_BODIES[model.section](settings, model, actions)}
  `;
}

function unread({ problem }: SettingsModel, actions: SettingsActions): TemplateResult {
	if (problem === null) return html`<p class="quiet" role="status">Loading settings…</p>`;
	return errorNotice(`Could not load the settings: ${problem}`, actions.load);
}

const SECTION_BODIES: Record<
	Exclude<Section, "providers">,
	(settings: Settings, model: SettingsModel, actions: SettingsActions) => TemplateResult
> = { answers, writing, notifications, appearance };

function answers(
	settings: Settings,
	model: SettingsModel,
	actions: SettingsActions,
): TemplateResult {
	const id = settings.defaultModelId;
	const known = id === null ? undefined : modelById(model.models, id);
	const name = id === null ? FIRST_MODEL : modelName(known, id, model.models.length > 0);
	return html`
    <div class="fields">
      ${field(
				{
					id: "default-model",
					label: "Default model",
					help: "Used for new conversations. Each conversation can use another model.",
					problem: model.problems.get("defaultModelId") ?? null,
				},
				(links) => html`
          <button id="default-model" type="button" class="picker" popovertarget=${MENU} aria-haspopup="dialog"
            aria-expanded=${String(model.pickerOpen)} aria-describedby=${links.describedBy}
            aria-label=${`Default model: ${name}`} .value=${id ?? ""}
            @click=${(event: Event) => actions.pickDefault(event.currentTarget as HTMLElement)}
            ><span>${name}</span>${icon("chevron-down")}</button>
        `,
			)}
      ${field(
				{
					id: "settings-model-file",
					label: "Model file",
					help: html`Full path of a GGUF file for the built-in model. Leave empty for the installed one.
            <span id="model-file-facts">${modelFileFacts(model.modelFile)}</span>`,
					problem: model.problems.get("modelFile") ?? null,
					wide: true,
				},
				(links) => html`
          <input id="settings-model-file" type="text" spellcheck="false" autocomplete="off"
            placeholder="/path/to/model.gguf" aria-describedby=${links.describedBy} aria-invalid=${links.invalid}
            .value=${settings.modelFile ?? ""}
            @change=${(event: Event) => actions.chooseModelFile(textOf(event).trim() || null)} />
        `,
			)}
    </div>
    <h3>Default parameters</h3>
    <p class="quiet">Empty fields are not sent, so the provider’s defaults apply.
      Each conversation can override these parameters.</p>
    <div class="fields">${parameterFields("settings", model.parameterFields, NO_PARAMETERS)}</div>
  `;
}

/** Label of each choice, with the keys as this platform names them. */
const SEND_KEYS: Record<SendKey, string> = {
	enter: formatShortcut(WRITING_KEYS.enter.send),
	modEnter: formatShortcut(WRITING_KEYS.modEnter.send),
};

function writing(
	settings: Settings,
	model: SettingsModel,
	actions: SettingsActions,
): TemplateResult {
	return html`
    <div class="fields">
      ${choices(
				{
					id: "settings-send-key",
					label: "Send with",
					help: html`${chord(WRITING_KEYS[settings.sendKey].breakLine)} inserts a new line.`,
					problem: model.problems.get("sendKey") ?? null,
					wide: true,
				},
				SEND_KEYS,
				settings.sendKey,
				actions.sendBy,
			)}
      ${choices(
				{
					id: "settings-send-policy",
					label: POLICY_LABEL,
					help: `${POLICY_HELP} Each conversation can do otherwise, in its parameters.`,
					problem: model.problems.get("sendPolicy") ?? null,
					wide: true,
				},
				POLICIES,
				settings.sendPolicy ?? "reject",
				actions.sendWhileBusy,
			)}
    </div>
  `;
}

const WAYS_TO_CLOSE: Record<OnClose, string> = {
	finishAnswers: "Finish answers",
	quitAtOnce: "Quit immediately",
};

function notifications(
	settings: Settings,
	model: SettingsModel,
	actions: SettingsActions,
): TemplateResult {
	return html`
    <div class="fields">
      ${field(
				{
					id: "settings-notifications",
					label: "Notify me when an answer ends",
					help: "Shows a system notification while no Conch window is focused.",
					problem: model.problems.get("notifications") ?? null,
				},
				(links) => html`
          <input id="settings-notifications" type="checkbox" class="switch" role="switch"
            aria-describedby=${links.describedBy} aria-invalid=${links.invalid} .checked=${live(settings.notifications)}
            @change=${(event: Event) => actions.notify((event.currentTarget as HTMLInputElement).checked)} />
        `,
			)}
      ${choices(
				{
					id: "settings-on-close",
					label: "When I close the last window",
					help: "Conch can finish running answers in the background before it quits. Start Conch again to see them.",
					problem: model.problems.get("onClose") ?? null,
					wide: true,
				},
				WAYS_TO_CLOSE,
				settings.onClose ?? "finishAnswers",
				actions.closeBy,
			)}
    </div>
  `;
}

const APPEARANCES: Record<Appearance, string> = { system: "System", light: "Light", dark: "Dark" };

function appearance(
	settings: Settings,
	model: SettingsModel,
	actions: SettingsActions,
): TemplateResult {
	return html`
    <div class="fields">
      ${choices(
				{
					id: "settings-appearance",
					label: "Theme",
					help: "Light, dark, or the system setting. Applies to all windows.",
					problem: model.problems.get("appearance") ?? null,
					wide: true,
				},
				APPEARANCES,
				settings.appearance,
				actions.choose,
			)}
      ${field(
				{
					id: "settings-zoom",
					label: "Zoom",
					help: html`Applies to all windows. Shortcuts: ${chord(GLOBAL.zoomIn.keys[0])}, ${chord(GLOBAL.zoomOut.keys[0])} and ${chord(GLOBAL.zoomReset.keys[0])}.`,
					problem: model.problems.get("zoom") ?? null,
				},
				(links) => html`
          <select id="settings-zoom" aria-describedby=${links.describedBy} aria-invalid=${links.invalid}
            .value=${live(String(settings.zoom))} @change=${(event: Event) => actions.zoom(Number(textOf(event)))}>
            ${zoomsWith(settings.zoom).map(
							(zoom) =>
								html`<option value=${zoom} ?selected=${zoom === settings.zoom}>${zoom}%</option>`,
						)}
          </select>
        `,
			)}
    </div>
  `;
}
