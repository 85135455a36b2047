/**
 * The seam to the core: the only module beside the generated bindings that knows Tauri. It adds what
 * the generator does not know: which rejections are the core's.
 */
import { Channel } from "@tauri-apps/api/core";
import {
	ATTACHMENT_LIMITS,
	commands,
	type ErrorCode,
	events,
	type IpcError,
	type PageEvent,
} from "./bindings";

export type * from "./bindings";
export { ATTACHMENT_LIMITS, commands, events };

/** True for an error of the core; anything else is a fault of the bridge. */
export function isIpcError(error: unknown): error is IpcError {
	return typeof error === "object" && error !== null && "code" in error && "message" in error;
}

/** True for this error of the core. */
export function hasCode(error: unknown, code: ErrorCode): boolean {
	return isIpcError(error) && error.code === code;
}

/** Why a command was rejected, as the core says it, or as one of its faults. */
export function failureOf(error: unknown): Readonly<IpcError> {
	return isIpcError(error) ? error : { code: "internal", message: messageOf(error) };
}

/** What to tell the user about a rejected command. */
export function messageOf(error: unknown): string {
	return isIpcError(error) ? error.message : `Conch made a mistake: ${String(error)}`;
}

/** Streams what happens on a branch to `onEvent`. A later call replaces an earlier one. */
export async function followBranch(
	conversationId: string,
	branchId: string,
	onEvent: (event: PageEvent) => void,
): Promise<void> {
	await commands.followBranch(conversationId, branchId, new Channel(onEvent));
}
