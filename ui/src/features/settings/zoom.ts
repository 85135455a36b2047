/** Zoom steps that the user chooses from, in percent. Pure. */

/** The first and the last are the limits of the core. */
export const ZOOMS: readonly number[] = [50, 67, 75, 80, 90, 100, 110, 125, 150, 175, 200];

export const UNZOOMED = 100;

/** One step larger or smaller, or back to {@link UNZOOMED}. */
export type Step = 1 | -1 | 0;

/** Returns the percentage after a step, which stays at the ends. */
export function zoomAfter(percent: number, step: Step): number {
	if (step === 0) return UNZOOMED;
	const next =
		step === 1 ? ZOOMS.find((zoom) => zoom > percent) : ZOOMS.findLast((zoom) => zoom < percent);
	return next ?? percent;
}

/** Returns the steps with a value that is not among them: another program may have saved it. */
export function zoomsWith(percent: number): number[] {
	return [...new Set([...ZOOMS, percent])].sort((one, other) => one - other);
}
