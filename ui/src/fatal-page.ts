/** Puts the page together that stands for all others: why the application cannot be used, and the ways on. */
import { effect } from "@preact/signals-core";
import { render } from "lit-html";
import type { IpcError } from "./ipc/host";
import { Recovery } from "./state/recovery";
import { fatal } from "./views/fatal";

/** Where another database helps. A full disk or a closed folder is mended elsewhere, a newer one by an update. */
const RECOVERABLE = new Set<string>(["database_corrupt", "not_a_database", "internal"]);

/** Shows why the application cannot be used, in place of all else. The first reason stays. */
export function showFatal({ code, message }: Readonly<IpcError>): void {
	if (document.body.hasAttribute("data-fatal")) return;
	const recovery = new Recovery();
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
