/**
 * All shortcuts in one table, from which the listeners, the dialog and the tooltips are made. Their actions are
 * defined elsewhere.
 */
import type { SendKey } from "../../ipc/bindings";
import { ariaOf, formatShortcut, matches, type Press } from "../../shared/keyboard";

export interface Shortcut {
	/** Label in the dialog. */
	readonly label: string;
	/** Alternatives, any of which is the shortcut. */
	readonly keys: readonly string[];
	/** Further alternatives, which are not shown. */
	readonly also?: readonly string[];
}

/** Shortcuts that work wherever the focus is. */
export const GLOBAL = {
	create: { label: "New chat", keys: ["Mod+N"] },
	openWindow: { label: "Open in a new window", keys: ["Mod+Shift+N"] },
	rename: { label: "Rename the conversation", keys: ["F2"] },
	find: { label: "Find in the conversation", keys: ["Mod+F"] },
	attach: { label: "Attach files", keys: ["Mod+U"] },
	map: { label: "Show or hide the map of branches", keys: ["Mod+Shift+B"] },
	stop: { label: "Stop generating", keys: ["Mod+."] },
	sidebar: { label: "Show or hide the sidebar", keys: ["Mod+B"] },
	zoomIn: { label: "Zoom in", keys: ["Mod+Plus"], also: ["Mod+="] },
	zoomOut: { label: "Zoom out", keys: ["Mod+-"], also: ["Mod+_"] },
	zoomReset: { label: "Actual size", keys: ["Mod+0"] },
	settings: { label: "Settings", keys: ["Mod+,"] },
	shortcuts: { label: "Keyboard shortcuts", keys: ["Mod+/"] },
	/** Only while no text field has the focus. */
	help: { label: "Keyboard shortcuts", keys: ["?"] },
} as const satisfies Record<string, Shortcut>;

export type GlobalShortcut = keyof typeof GLOBAL;

/** Returns the global shortcut that a key press matches. */
export function globalOf(press: Press): GlobalShortcut | undefined {
	const names = Object.keys(GLOBAL) as GlobalShortcut[];
	return names.find((name) => {
		const { keys, also = [] }: Shortcut = GLOBAL[name];
		return [...keys, ...also].some((shortcut) => matches(press, shortcut));
	});
}

/** Returns a tooltip: the text, followed by the shortcut. */
export function hint(words: string, name: GlobalShortcut): string {
	return `${words} (${formatShortcut(GLOBAL[name].keys[0])})`;
}

/** Returns the value for `aria-keyshortcuts`. */
export function aria(name: GlobalShortcut): string {
	return ariaOf(GLOBAL[name].keys[0]);
}

/** Keys that send and that break the line. */
export const WRITING_KEYS: Record<SendKey, { readonly send: string; readonly breakLine: string }> =
	{
		enter: { send: "Enter", breakLine: "Shift+Enter" },
		modEnter: { send: "Mod+Enter", breakLine: "Enter" },
	};

/** Undo and redo in the input. */
export const EDITING = {
	undo: { label: "Undo", keys: ["Mod+Z"] },
	redo: { label: "Redo", keys: ["Mod+Shift+Z"], also: ["Mod+Y"] },
} as const satisfies Record<string, Shortcut>;

/** Returns which of them a key press in the input is. */
export function editingOf(press: Press): keyof typeof EDITING | undefined {
	const is = ({ keys, also = [] }: Shortcut) =>
		[...keys, ...also].some((shortcut) => matches(press, shortcut));
	return (["undo", "redo"] as const).find((name) => is(EDITING[name]));
}

/** Returns whether a key press in the input sends. If Enter alone does, Ctrl+Enter does too. */
export function sends(press: Press, sendKey: SendKey): boolean {
	if (press.key !== "Enter" || press.shiftKey) return false;
	return sendKey === "enter" || press.ctrlKey || press.metaKey;
}

/** Returns all shortcuts, as the dialog lists them. */
export function shortcutGroups(sendKey: SendKey): [string, Shortcut[]][] {
	const { send, breakLine } = WRITING_KEYS[sendKey];
	return [
		[
			"Writing",
			[
				{ label: "Send", keys: [send] },
				{ label: "New line", keys: [breakLine] },
				EDITING.undo,
				EDITING.redo,
				{ label: "Recall sent messages (in an empty input)", keys: ["ArrowUp"] },
				{ label: "Recall newer messages", keys: ["ArrowDown"] },
				GLOBAL.attach,
				GLOBAL.stop,
			],
		],
		[
			"Conversation",
			[
				GLOBAL.create,
				GLOBAL.openWindow,
				GLOBAL.rename,
				GLOBAL.find,
				{ label: "Previous match", keys: ["Enter"] },
				{ label: "Next match", keys: ["Shift+Enter"] },
			],
		],
		[
			"Map and branches",
			[
				GLOBAL.map,
				{ label: "Previous row", keys: ["ArrowUp"] },
				{ label: "Next row", keys: ["ArrowDown"] },
				{ label: "Back to the fork", keys: ["ArrowLeft"] },
				{ label: "On along the line", keys: ["ArrowRight"] },
				{ label: "Go there", keys: ["Enter"] },
				{ label: "Rename the branch (in the menu)", keys: ["F2"] },
				{ label: "Delete the branch (in the menu)", keys: ["Delete"] },
			],
		],
		[
			"Conversation list",
			[
				{ label: "Move up", keys: ["ArrowUp"] },
				{ label: "Move down", keys: ["ArrowDown"] },
				{ label: "Open", keys: ["Enter"] },
				{ label: "Rename", keys: ["F2"] },
				{ label: "Delete", keys: ["Delete"] },
				{ label: "Undo a deletion", keys: ["Mod+Z"] },
			],
		],
		[
			"Window",
			[
				GLOBAL.sidebar,
				GLOBAL.zoomIn,
				GLOBAL.zoomOut,
				GLOBAL.zoomReset,
				GLOBAL.settings,
				{ ...GLOBAL.shortcuts, keys: [...GLOBAL.shortcuts.keys, ...GLOBAL.help.keys] },
				{ label: "Close the dialog or panel", keys: ["Escape"] },
			],
		],
	];
}
