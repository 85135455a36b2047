/** Startup status. A usual start is over before the user could read it, so it is shown only if the start takes long. */
import type { Notice, Stage, StartStatus } from "../../ipc/bindings";
import type { Commands } from "../../ipc/host";

/** Delay before the startup status is shown, in ms. */
const STATUS_DELAY = 300;

const STAGES: Record<Stage, string> = {
	opening: "Opening your conversations…",
	busy: "Waiting for another program that is using your conversations…",
	waiting: "Waiting for another instance of Conch to finish starting…",
	checking: "Checking your conversations for damage…",
	backing_up: "Backing up your conversations before this update…",
	migrating: "Updating your conversations to this version…",
	recovering: "Recovering unfinished answers…",
};

const NOTICES: Record<Notice, string> = {
	updated_without_backup:
		"Your conversations were updated to this version without a backup, because the backup failed: free some disk space",
	network_drive:
		"Your conversations are on a network drive: only one instance of Conch can use them at a time",
};

/**
 * Shows the startup status until the start is over. Resolves to its notices as one text, because of two toasts
 * only the second would stay; empty if there are none.
 */
export async function watchStart(
	commands: Pick<Commands, "startStatus">,
	say: (text: string) => void,
): Promise<string> {
	let said: Stage | null = null;
	let patient = true;
	const patience = setTimeout(() => {
		patient = false;
		if (said !== null) say(STAGES[said]);
	}, STATUS_DELAY);
	try {
		for (;;) {
			const status: StartStatus = await commands.startStatus(said);
			if (status.type !== "starting") {
				const notices = status.type === "running" ? status.notices : [];
				return notices.map((notice) => NOTICES[notice]).join(". ");
			}
			said = status.stage;
			if (!patient) say(STAGES[said]);
		}
	} finally {
		clearTimeout(patience);
	}
}
