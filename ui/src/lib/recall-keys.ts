/**
 * The arrows in an input that bring back what was sent. They move the caret first: only where it cannot
 * go further do they mean something else, and where a line is broken knows only the platform.
 */

export interface RecallActions {
	/** The input shows what was brought back. */
	isRecalled(): boolean;
	/** False where nothing may be brought back. */
	older(): boolean;
	newer(): boolean;
}

export function recallByArrows(event: KeyboardEvent, actions: RecallActions): void {
	const input = event.currentTarget as HTMLTextAreaElement;
	const steps: Record<string, () => boolean> = { ArrowUp: actions.older, ArrowDown: actions.newer };
	const step = steps[event.key];
	if (step === undefined || event.shiftKey || event.ctrlKey || event.altKey || event.metaKey)
		return;
	if (input.value.trim() === "" || (actions.isRecalled() && isOneLine(input))) {
		if (step()) event.preventDefault();
	} else if (actions.isRecalled()) {
		const [text, start, end] = [input.value, input.selectionStart, input.selectionEnd];
		// The caret moves after the last listener.
		setTimeout(() => {
			const stands = input.selectionStart === start && input.selectionEnd === end;
			if (stands && start === end && input.value === text) step();
		});
	}
}

function isOneLine(input: HTMLTextAreaElement): boolean {
	const { lineHeight, paddingTop, paddingBottom } = getComputedStyle(input);
	const line = Number.parseFloat(lineHeight);
	const text =
		input.scrollHeight - Number.parseFloat(paddingTop) - Number.parseFloat(paddingBottom);
	return !input.value.includes("\n") && text < 2 * line;
}
