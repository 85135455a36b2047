/** How large everything is drawn, in percent: the steps between which the user chooses. Pure. */

/** The least and the most are the core's. */
export const ZOOMS: readonly number[] = [50, 67, 75, 80, 90, 100, 110, 125, 150, 175, 200];

export const UNZOOMED = 100;

/** One step larger or smaller, or back to {@link UNZOOMED}. */
export type Step = 1 | -1 | 0;

/** The percent after a step; at an end it stays. */
export function zoomAfter(percent: number, step: Step): number {
	if (step === 0) return UNZOOMED;
	const next =
		step === 1 ? ZOOMS.find((zoom) => zoom > percent) : ZOOMS.findLast((zoom) => zoom < percent);
	return next ?? percent;
}

/** The steps to choose from, with one that is not among them: a program may have saved it. */
export function zoomsWith(percent: number): number[] {
	return [...new Set([...ZOOMS, percent])].sort((one, other) => one - other);
}
