/** The lines of the map, as SVG paths. Pure. */
import type { Row } from "./layout";

/** Height of a row, in px: as in the styles. */
export const ROW = 24;

/** Distances in px: between two lanes, and from the edge to the first and the last lane. */
const STEP = 12;
const EDGE = 10;

/** The lanes take no more than this, in px: with many, they are closer together. */
const MAX_WIDTH = 116;

/** Radius of the curve into a lane, in px. */
const CURVE = 8;

export interface Lines {
	/** Of the whole drawing, in px. */
	readonly width: number;
	readonly height: number;
	/** Returns where the dot of a row is. */
	dot(row: Row, index: number): readonly [x: number, y: number];
	/** Returns the line from a row's parent to it. */
	line(row: Row, index: number): string | null;
}

export function linesOf(rows: readonly Row[]): Lines {
	const lanes = rows.reduce((most, { lane }) => Math.max(most, lane), 0);
	const step = Math.min(STEP, (MAX_WIDTH - 2 * EDGE) / Math.max(1, lanes));
	const x = (lane: number) => Math.round((EDGE + lane * step) * 10) / 10;
	const y = (index: number) => index * ROW + ROW / 2;
	return {
		width: Math.ceil(x(lanes)) + EDGE,
		height: rows.length * ROW,
		dot: ({ lane }, index) => [x(lane), y(index)],
		line: ({ parent, lane }, index) => {
			const above = parent === null ? undefined : rows[parent];
			if (parent === null || above === undefined) return null;
			const [from, to] = [x(above.lane), x(lane)];
			const start = `M${from} ${y(parent)}`;
			if (from === to) return `${start}V${y(index)}`;
			const curve = Math.min(CURVE, to - from);
			return `${start}V${y(index) - curve}Q${from} ${y(index)} ${from + curve} ${y(index)}H${to}`;
		},
	};
}
