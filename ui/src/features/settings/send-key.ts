/** The key that sends. The core stores the setting; the page caches it for the first key press. */
import type { SendKey } from "../../ipc/bindings";
import { readLocal, writeLocal } from "../../shared/storage";

const LAST = "send-key";

export function rememberSendKey(key: SendKey): void {
	writeLocal(LAST, key);
}

/** Returns the cached setting, or Enter if there is none. */
export function lastSendKey(): SendKey {
	return readLocal(LAST) === "modEnter" ? "modEnter" : "enter";
}
