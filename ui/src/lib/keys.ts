/** Keys that are not what they seem. */

/** Enter that ends a composition is not Enter. WebKit says so only by its key code. */
export function isComposing(event: KeyboardEvent): boolean {
	return event.isComposing || event.keyCode === 229;
}
