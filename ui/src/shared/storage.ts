/**
 * What the page caches in `localStorage`, so that the first frame of the next start is already right: a window
 * that asked the core first would look different for a moment.
 */

export function writeLocal(name: string, value: string): void {
	try {
		localStorage.setItem(name, value);
	} catch {
		// Without it, the next start only looks different for a moment.
	}
}

/** Returns the stored value; null if there is none. */
export function readLocal(name: string): string | null {
	try {
		return localStorage.getItem(name);
	} catch {
		return null;
	}
}
