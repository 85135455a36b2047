/**
 * The boundary to the core: besides the generated bindings, the only module that uses Tauri. All others take the
 * commands that they call as an argument, so that tests can pass fakes.
 */
import { Channel } from "@tauri-apps/api/core";
import { commands, events, type PageEvent } from "./bindings";

export type Commands = Omit<typeof commands, "followBranch"> & {
	/** Streams the events of a branch to `onEvent`. A later call replaces an earlier one. */
	followBranch(
		conversationId: string,
		branchId: string,
		onEvent: (event: PageEvent) => void,
	): Promise<unknown>;
};

export type Events = {
	readonly [Name in keyof typeof events]: Pick<(typeof events)[Name], "listen">;
};

/** What the page needs from the core. */
export interface Core {
	readonly commands: Commands;
	readonly events: Events;
}

/** The core of this process. */
export const core: Core = {
	commands: {
		...commands,
		followBranch: (conversationId, branchId, onEvent) =>
			commands.followBranch(conversationId, branchId, new Channel(onEvent)),
	},
	events,
};
