/**
 * Key presses: matches and formats a shortcut, which is text such as `Mod+Shift+N`, where `Mod` is the Command key on
 * a Mac and Ctrl elsewhere. Pure.
 */

/** Shortcuts use the Command key instead of Ctrl. */
export const HAS_COMMAND_KEY = globalThis.navigator?.platform?.startsWith("Mac") ?? false;

/** The properties of a key press that a shortcut depends on. */
export type Press = Pick<
	KeyboardEvent,
	"key" | "code" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey"
>;

/** Characters of the keys that a shortcut has to write by name. */
const CHARACTERS: Readonly<Record<string, string>> = { Plus: "+" };

const WORDS: Readonly<Record<string, string>> = {
	Plus: "+",
	ArrowUp: "↑",
	ArrowDown: "↓",
	ArrowLeft: "←",
	ArrowRight: "→",
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

/** Returns whether a key press matches a shortcut. */
export function matches(press: Press, shortcut: string, command = HAS_COMMAND_KEY): boolean {
	const modifiers = shortcut.split("+");
	const key = modifiers.pop() ?? "";
	const [mod, other] = command ? [press.metaKey, press.ctrlKey] : [press.ctrlKey, press.metaKey];
	if (other || press.altKey || mod !== modifiers.includes("Mod")) return false;
	// A layout may need Shift for a sign; with letters and named keys, Shift is part of the shortcut.
	const isSign = /^[^a-z]$/i.test(CHARACTERS[key] ?? key);
	if (!isSign && press.shiftKey !== modifiers.includes("Shift")) return false;
	return press.key.toLowerCase() === (CHARACTERS[key] ?? key).toLowerCase() || isDigit(press, key);
}

/** Matches a digit by its `code`: where it needs Shift, the key alone has another character. */
function isDigit({ code }: Press, key: string): boolean {
	return /^\d$/.test(key) && (code === `Digit${key}` || code === `Numpad${key}`);
}

/** Returns the keys of a shortcut, as labelled on the keyboard. */
export function keysOf(shortcut: string, command = HAS_COMMAND_KEY): string[] {
	const words = command ? COMMAND_WORDS : WORDS;
	return shortcut.split("+").map((key) => words[key] ?? (key === "Mod" ? "Ctrl" : key));
}

/** Formats a shortcut for a tooltip: `Ctrl+Shift+N`, or `⇧⌘N`. */
export function formatShortcut(shortcut: string, command = HAS_COMMAND_KEY): string {
	if (!command) return keysOf(shortcut, false).join("+");
	// On a Mac, the Command key is the last modifier.
	const keys = shortcut.split("+");
	const ordered = [...keys.slice(0, -1).reverse(), ...keys.slice(-1)];
	return ordered.flatMap((key) => keysOf(key, true)).join("");
}

/** Formats a shortcut for `aria-keyshortcuts`. */
export function ariaOf(shortcut: string, command = HAS_COMMAND_KEY): string {
	return shortcut.replace("Mod", command ? "Meta" : "Control");
}

/**
 * Returns whether a key press belongs to an IME composition, such as the Enter that ends it, which WebKit
 * reports only by its `keyCode`.
 */
export function isComposing(event: KeyboardEvent): boolean {
	return event.isComposing || event.keyCode === 229;
}
