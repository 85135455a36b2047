/** The composer: the input, Send and Stop. */
import { html, nothing, type TemplateResult } from "lit-html";
import { live } from "lit-html/directives/live.js";
import type { AttemptSource, SendKey, SendPolicy } from "../../../ipc/bindings";
import { icon } from "../../../shared/icon";
import { ariaOf, formatShortcut, isComposing } from "../../../shared/keyboard";
import type { ComposerFileParts } from "../../attachments/view";
import { aria, editingOf, hint, sends, WRITING_KEYS } from "../../shortcuts/shortcuts";
import { type RecallActions, recallByArrows } from "./recall-keys";

export interface ComposerModel {
	readonly draft: string;
	/** Text of the next message's field; null while there is none. */
	readonly next: string | null;
	/** A send would be refused. */
	readonly refusesSend: boolean;
	/** What a send does while an answer is being written; null while none is. */
	readonly policy: SendPolicy | null;
	readonly canStop: boolean;
	readonly stopping: boolean;
	readonly files: ComposerFileParts;
	readonly refusals: TemplateResult;
	/** Caveat to read before relying on the model. */
	readonly note: string | null;
	readonly sendKey: SendKey;
}

export interface ComposerActions {
	/** Sets the text of the active field. */
	type(text: string): void;
	/** Undoes the last change. */
	undo(): void;
	redo(): void;
	send(source: AttemptSource): void;
	refuse(source: AttemptSource): void;
	stop(): void;
	readonly recall: RecallActions;
}

/** What a press of Send does, in words and as an icon. */
interface Press {
	readonly label: string;
	readonly title: string;
	readonly icon: string;
	/** Of the empty input. */
	readonly placeholder: string;
}

const SEND: Press = {
	label: "Send",
	title: "Send",
	icon: "arrow-up",
	placeholder: "Type a message",
};

const REFUSED: Press = {
	...SEND,
	label: "Send (an answer is being written)",
	icon: "loader-circle",
};

/** `reject` is the plain Send: it refuses only while an answer is being written. */
const PRESSES: Record<SendPolicy, Press> = {
	reject: SEND,
	queue: {
		label: "Queue",
		title: "Queue: sent when the answer has ended",
		icon: "list-plus",
		placeholder: "Next message, for the queue",
	},
	interrupt: {
		label: "Stop the answer and send",
		title: "Stop the answer and send",
		icon: "arrow-up",
		placeholder: "Next message, stops the answer",
	},
	rollback: {
		label: "Take the running turn back and send",
		title: "Take the running turn back and send",
		icon: "arrow-up",
		placeholder: "Next message, replaces the last one",
	},
};

export function composer(model: ComposerModel, actions: ComposerActions): TemplateResult {
	const onInput = (event: Event) =>
		actions.type((event.currentTarget as HTMLTextAreaElement).value);
	const onKey = (event: KeyboardEvent) => {
		if (isComposing(event)) return;
		if (sends(event, model.sendKey)) {
			event.preventDefault();
			if (!event.repeat) actions.send("enter");
			return;
		}
		const editing = editingOf(event);
		if (editing === undefined) return recallByArrows(event, actions.recall);
		event.preventDefault();
		actions[editing]();
	};
	// Undo from a menu would restore text that the page has moved or sent.
	const onBeforeInput = (event: InputEvent) => {
		const action = { historyUndo: actions.undo, historyRedo: actions.redo }[event.inputType];
		if (action === undefined) return;
		event.preventDefault();
		action();
	};
	const { next } = model;
	// A disabled input swallows the click, so its container handles it.
	const onBox = (event: MouseEvent) => {
		const isUsable = (event.target as Element).closest("button, #next-input") !== null;
		if (next !== null && !isUsable) actions.refuse("composer");
	};
	const { send } = WRITING_KEYS[model.sendKey];
	const press = model.refusesSend ? REFUSED : PRESSES[model.policy ?? "reject"];
	const nothingToSend = model.draft.trim() === "" && !model.files.canSend;
	return html`
    ${model.files.offer}
    <div class="box" ?data-locked=${next !== null} @click=${onBox}>
      ${model.files.list}
      ${model.files.button}
      <label class="visually-hidden" for="chat-input">Message</label>
      <textarea
        id="chat-input"
        rows="1"
        aria-describedby="composer-note"
        placeholder=${next === null ? press.placeholder : "Waiting for response..."}
        .value=${live(model.draft)}
        ?disabled=${next !== null}
        @beforeinput=${onBeforeInput}
        @input=${onInput}
        @keydown=${onKey}
      ></textarea>
      ${
				next === null
					? nothing
					: html`<label class="visually-hidden" for="next-input">Next message</label>
            <textarea
              id="next-input"
              rows="1"
              aria-describedby="composer-note"
              placeholder="Write the next message"
              .value=${live(next)}
              @beforeinput=${onBeforeInput}
              @input=${onInput}
              @keydown=${onKey}
            ></textarea>`
			}
      ${
				model.canStop
					? html`<button id="stop-button" type="button" title=${hint("Stop", "stop")}
              aria-keyshortcuts=${aria("stop")} aria-disabled=${String(model.stopping)}
              @click=${actions.stop}>${icon("square")}<span>Stop</span></button>`
					: nothing
			}
      <button
        id="send-button"
        type="button"
        aria-label=${press.label}
        title=${`${press.title} (${formatShortcut(send)})`}
        aria-keyshortcuts=${ariaOf(send)}
        aria-disabled=${String(model.refusesSend || nothingToSend)}
        ?data-busy=${model.refusesSend}
        @click=${() => actions.send("button")}
      >
        ${icon(press.icon)}
      </button>
    </div>
    <div class="foot">
      <p id="composer-note" class="quiet">${model.note ?? ""}</p>
      <div id="refusals" role="alert" aria-label="Send errors">${model.refusals}</div>
    </div>
  `;
}
