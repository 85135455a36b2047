/** The key that sends. The core keeps the choice; the page remembers it for the first press. */
import type { SendKey } from "../ipc/bindings";
import { remember, remembered } from "./remembered";

const LAST = "send-key";

export function rememberSendKey(key: SendKey): void {
	remember(LAST, key);
}

/** The one that was chosen last, as far as the page remembers. */
export function lastSendKey(): SendKey {
	return remembered(LAST) === "modEnter" ? "modEnter" : "enter";
}
