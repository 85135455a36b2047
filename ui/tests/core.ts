import { core } from "../src/ipc/host";

/** Commands that the last {@link fakeCore} answers. */
export const { commands } = core;

/** A fake core: answers the commands that a test expects, and records all of them. */
type Answer = (args: Record<string, unknown>) => unknown;

export function fakeCore(answers: Readonly<Record<string, Answer>>) {
	const calls: [string, Record<string, unknown>][] = [];
	const invoke = async (command: string, args: Record<string, unknown> = {}) => {
		calls.push([command, args]);
		const answer = answers[command];
		if (answer === undefined) throw new Error(`no answer for ${command}`);
		return answer(args);
	};
	const internals = { invoke, transformCallback: () => 0, unregisterCallback: () => {} };
	Object.assign(globalThis, { window: { __TAURI_INTERNALS__: internals } });
	return {
		calls,
		named: (command: string) => calls.filter(([name]) => name === command).map(([, args]) => args),
	};
}

/** An answer that fails with an error of the core. */
export function refusal(code: string, message: string) {
	return () => {
		throw { code, message };
	};
}
