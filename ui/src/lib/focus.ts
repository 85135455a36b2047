/**
 * Keeps the focus in the composer while its input is disabled: disabling drops it, and a user who goes
 * on typing would type into nothing. Send takes it, so that Enter still reaches somebody, and gives it
 * back, with the caret, when the input is enabled again.
 */
export interface KeptFocus {
	/** Has the input take the focus, or Send in its stead. */
	take(): void;
	/** Call it when the input may have been disabled or enabled. */
	settle(): void;
}

export function keepFocus(composer: HTMLElement): KeptFocus {
	let lent: { start: number; end: number } | null = null;
	let caret = { start: 0, end: 0 };
	let inInput = false;

	composer.addEventListener("focusin", (event) => {
		inInput = event.target instanceof HTMLTextAreaElement;
	});
	composer.addEventListener("focusout", (event) => {
		// A disabled input loses the focus to nothing; a user's move goes somewhere.
		if (event.relatedTarget !== null) inInput = false;
	});
	document.addEventListener("selectionchange", () => {
		const input = composer.querySelector("textarea");
		if (input !== null && document.activeElement === input) {
			caret = { start: input.selectionStart, end: input.selectionEnd };
		}
	});

	const kept: KeptFocus = {
		take() {
			const input = composer.querySelector("textarea");
			if (input === null) return;
			if (input.disabled) composer.querySelector<HTMLElement>("#send-button")?.focus();
			else input.focus();
			kept.settle();
		},
		settle() {
			const input = composer.querySelector("textarea");
			const send = composer.querySelector<HTMLElement>("#send-button");
			if (input === null || send === null) return;
			const active = document.activeElement;
			if (input.disabled) {
				const lost = inInput && (active === input || active === document.body);
				if (lost || (active === send && lent === null)) {
					lent = caret;
					inInput = false;
					send.focus();
				}
			} else if (lent !== null) {
				// What is open over it gives the focus back first.
				if (active?.closest("dialog") != null) return;
				const back = active === document.body || composer.contains(active);
				const { start, end } = lent;
				lent = null;
				if (!back) return;
				input.focus();
				input.setSelectionRange(start, end);
			}
		},
	};
	return kept;
}
