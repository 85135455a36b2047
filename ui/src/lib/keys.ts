/** Key events of input methods. */

/**
 * Returns whether a key press belongs to an IME composition, such as the Enter that ends it, which WebKit
 * reports only by its `keyCode`.
 */
export function isComposing(event: KeyboardEvent): boolean {
	return event.isComposing || event.keyCode === 229;
}
