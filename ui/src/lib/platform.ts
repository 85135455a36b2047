/** Platform differences. */

/** Shortcuts use the Command key instead of Ctrl. */
export const HAS_COMMAND_KEY = globalThis.navigator?.platform?.startsWith("Mac") ?? false;
