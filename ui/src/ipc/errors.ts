/** Errors of commands. The generator does not know which rejections come from the core. */
import type { ErrorCode, IpcError } from "./bindings";

/** Returns whether an error comes from the core; anything else is a fault of the bridge. */
export function isIpcError(error: unknown): error is IpcError {
	return typeof error === "object" && error !== null && "code" in error && "message" in error;
}

/** Returns whether an error comes from the core with this code. */
export function hasCode(error: unknown, code: ErrorCode): boolean {
	return isIpcError(error) && error.code === code;
}

/** Returns the core's error for a rejected command; a fault of the bridge becomes `internal`. */
export function failureOf(error: unknown): Readonly<IpcError> {
	return isIpcError(error) ? error : { code: "internal", message: messageOf(error) };
}

/** Returns the message to show for a rejected command. */
export function messageOf(error: unknown): string {
	return isIpcError(error) ? error.message : `Internal error: ${String(error)}`;
}
