/**
 * One shortcut: whether a press is it, and how it is written. It is text such as `Mod+Shift+N`, where
 * `Mod` is the Command key on a Mac and Ctrl elsewhere. Pure.
 */
import { HAS_COMMAND_KEY } from "./platform";

/** What a shortcut needs to know of a press. */
export type Press = Pick<
	KeyboardEvent,
	"key" | "code" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey"
>;

/** What the keys are called that say their character otherwise, or none. */
const CHARACTERS: Readonly<Record<string, string>> = { Plus: "+" };

const WORDS: Readonly<Record<string, string>> = {
	Plus: "+",
	ArrowUp: "↑",
	ArrowDown: "↓",
	Escape: "Esc",
	Delete: "Del",
};

const COMMAND_WORDS: Readonly<Record<string, string>> = {
	...WORDS,
	Mod: "⌘",
	Shift: "⇧",
	Enter: "↩",
	Delete: "⌦",
};

/** Whether a press is this shortcut. */
export function matches(press: Press, shortcut: string, command = HAS_COMMAND_KEY): boolean {
	const modifiers = shortcut.split("+");
	const key = modifiers.pop() ?? "";
	const [mod, other] = command ? [press.metaKey, press.ctrlKey] : [press.ctrlKey, press.metaKey];
	if (other || press.altKey || mod !== modifiers.includes("Mod")) return false;
	// Shift may be what a layout needs to come to a sign; with letters and named keys it is meant.
	const isSign = /^[^a-z]$/i.test(CHARACTERS[key] ?? key);
	if (!isSign && press.shiftKey !== modifiers.includes("Shift")) return false;
	return press.key.toLowerCase() === (CHARACTERS[key] ?? key).toLowerCase() || isDigit(press, key);
}

/** A digit may need Shift, and then a press without it has another character. */
function isDigit({ code }: Press, key: string): boolean {
	return /^\d$/.test(key) && (code === `Digit${key}` || code === `Numpad${key}`);
}

/** Its keys, as they are written on the keyboard. */
export function keysOf(shortcut: string, command = HAS_COMMAND_KEY): string[] {
	const words = command ? COMMAND_WORDS : WORDS;
	return shortcut.split("+").map((key) => words[key] ?? (key === "Mod" ? "Ctrl" : key));
}

/** As a tooltip says it: `Ctrl+Shift+N`, or `⇧⌘N`. */
export function formatShortcut(shortcut: string, command = HAS_COMMAND_KEY): string {
	if (!command) return keysOf(shortcut, false).join("+");
	// A Mac's order has the Command key last.
	const keys = shortcut.split("+");
	const ordered = [...keys.slice(0, -1).reverse(), ...keys.slice(-1)];
	return ordered.flatMap((key) => keysOf(key, true)).join("");
}

/** As `aria-keyshortcuts` has it. */
export function ariaOf(shortcut: string, command = HAS_COMMAND_KEY): string {
	return shortcut.replace("Mod", command ? "Meta" : "Control");
}
