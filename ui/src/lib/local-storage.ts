/**
 * What the page remembers by itself, so that the next start's first frame is already right: a window
 * that asked the core first would be drawn otherwise for a moment.
 */

export function writeLocal(name: string, value: string): void {
	try {
		localStorage.setItem(name, value);
	} catch {
		// Without it, the next start only looks otherwise for a moment.
	}
}

/** What was remembered under this name; null for nothing. */
export function readLocal(name: string): string | null {
	try {
		return localStorage.getItem(name);
	} catch {
		return null;
	}
}
