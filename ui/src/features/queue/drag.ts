/** Reorders the queue by dragging a message's handle. */

/** The vertical middle of each message, in the order of the queue, in px. */
export type Middles = readonly number[];

/** Returns the position, from 1, that a message dragged from `from` takes when its middle is at `y`. */
export function positionAt(middles: Middles, from: number, y: number): number {
	const others = middles.filter((_, at) => at !== from - 1);
	return others.filter((middle) => middle < y).length + 1;
}

/** Lets the handles in `list` be dragged. Calls `move` when a message is dropped at another position, from 1. */
export function dragToReorder(
	list: HTMLElement,
	move: (queuedMessageId: string, position: number) => void,
): void {
	list.addEventListener("pointerdown", (down) => {
		const handle = (down.target as Element).closest<HTMLElement>(".handle");
		const row = handle?.closest<HTMLElement>(".queued-message");
		if (handle == null || row == null || down.button !== 0) return;
		const rows = [...list.querySelectorAll<HTMLElement>(".queued-message")];
		const from = rows.indexOf(row) + 1;
		const middles = rows.map(middleOf);
		const own = middles[from - 1] ?? 0;
		const drag = (event: PointerEvent) => {
			const distance = event.clientY - down.clientY;
			row.style.translate = `0 ${distance}px`;
			mark(rows, row, positionAt(middles, from, own + distance), from);
		};
		const end = (event: PointerEvent) => {
			handle.removeEventListener("pointermove", drag);
			row.style.translate = "";
			row.removeAttribute("data-dragged");
			mark(rows, row, from, from);
			const to = positionAt(middles, from, own + event.clientY - down.clientY);
			const id = row.dataset.queuedId;
			if (event.type === "pointerup" && to !== from && id !== undefined) move(id, to);
		};
		row.setAttribute("data-dragged", "");
		handle.setPointerCapture(down.pointerId);
		handle.addEventListener("pointermove", drag);
		handle.addEventListener("pointerup", end, { once: true });
		handle.addEventListener("pointercancel", end, { once: true });
	});
}

/** Marks where the dragged message would be dropped. */
function mark(rows: readonly HTMLElement[], dragged: HTMLElement, to: number, from: number): void {
	const others = rows.filter((row) => row !== dragged);
	for (const [at, row] of others.entries()) {
		const isBefore = to !== from && at === to - 1;
		const isAfter = to !== from && at === to - 2 && to === rows.length;
		row.toggleAttribute("data-drop-before", isBefore);
		row.toggleAttribute("data-drop-after", isAfter);
	}
}

function middleOf(row: HTMLElement): number {
	const { top, height } = row.getBoundingClientRect();
	return top + height / 2;
}
