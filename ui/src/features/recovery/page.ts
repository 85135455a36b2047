/** Mounts the fatal error page, which replaces all others: why Conch cannot be used, and the recovery options. */
import { effect } from "@preact/signals-core";
import { render } from "lit-html";
import type { ErrorCode, IpcError } from "../../ipc/bindings";
import { Recovery, type RecoveryCommands } from "./recovery";
import { fatal } from "./view";

/**
 * Errors that another database solves. A full disk or an inaccessible folder is fixed elsewhere, a newer database by
 * an update.
 */
const RECOVERABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
	"database_corrupt",
	"not_a_database",
	"internal",
]);

/** Replaces the page with the fatal error page. The first error stays. */
export function showFatal({ code, message }: Readonly<IpcError>, commands: RecoveryCommands): void {
	if (document.body.hasAttribute("data-fatal")) return;
	const recovery = new Recovery(commands);
	document.body.toggleAttribute("data-fatal", true);
	if (RECOVERABLE.has(code)) void recovery.load();
	effect(() => {
		render(
			fatal(
				{
					reason: message,
					options: recovery.options.value,
					working: recovery.working.value,
					outcome: recovery.outcome.value,
					isSaved: recovery.isSaved.value,
				},
				{
					startWithBackup: (name) => void recovery.startWithBackup(name),
					startWithSaved: () => void recovery.startWithSaved(),
					startWithEmpty: () => void recovery.startWithEmpty(),
					save: () => void recovery.save(),
					openFolder: () => void recovery.openFolder(),
				},
			),
			document.body,
		);
	});
}
