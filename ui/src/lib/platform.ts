/** What differs between the systems. */

/** Shortcuts are pressed with the Command key, and not with Ctrl. */
export const HAS_COMMAND_KEY = globalThis.navigator?.platform?.startsWith("Mac") ?? false;
