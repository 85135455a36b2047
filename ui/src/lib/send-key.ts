/** The key that sends. The core keeps the choice; the page remembers it for the first press. */
import type { SendKey } from "../ipc/bindings";
import { readLocal, writeLocal } from "./local-storage";

const LAST = "send-key";

export function rememberSendKey(key: SendKey): void {
	writeLocal(LAST, key);
}

/** The one that was chosen last, as far as the page remembers. */
export function lastSendKey(): SendKey {
	return readLocal(LAST) === "modEnter" ? "modEnter" : "enter";
}
