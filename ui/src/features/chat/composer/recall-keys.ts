/**
 * Arrow keys that recall sent messages in an input. They move the caret first, and recall only when it cannot
 * move further; only the platform knows where a line wraps.
 */

export interface RecallActions {
	/** Returns whether the input shows a recalled message. */
	isRecalled(): boolean;
	/** Returns false if nothing may be recalled. */
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
		// The platform moves the caret after the last listener.
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
