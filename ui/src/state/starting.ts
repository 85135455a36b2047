/**
 * What a start waits for. A start is over before anybody would read that: it is said only where it takes long.
 */
import { commands, type Notice, type Stage, type StartStatus } from "../ipc/host";

/** How long a start may take before it is said what it waits for, in ms. */
const STATUS_DELAY = 300;

const STAGES: Record<Stage, string> = {
	opening: "Opening your conversations…",
	busy: "Waiting for another program that holds your conversations…",
	waiting: "Waiting for another Conch to finish starting…",
	checking: "Checking your conversations for damage…",
	backing_up: "Backing up your conversations before this update…",
	migrating: "Bringing your conversations to this version…",
	recovering: "Tidying up what was left unfinished…",
};

const NOTICES: Record<Notice, string> = {
	updated_without_backup:
		"Your conversations were brought to this version without a backup, because none could be made: make some room on the disk",
	network_drive:
		"Your conversations are on a network drive: only one Conch can have them open at a time",
};

/**
 * Says what the start waits for until it is over. Returns what the user has to know of it, as one text,
 * because of two notes only the second would stay; empty where that is nothing.
 */
export async function watchStart(say: (text: string) => void): Promise<string> {
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
