/**
 * Text that grows at its end: only what is new touches the DOM, so a long answer costs its length
 * and not its square, and a selection in it survives.
 */
import { Directive, directive } from "lit-html/directive.js";

class GrowingText extends Directive {
	readonly #node = new Text();

	override render(text: string): Text {
		const shown = this.#node.data;
		if (text.length > shown.length && text.startsWith(shown)) {
			this.#node.appendData(text.slice(shown.length));
		} else if (text !== shown) {
			this.#node.data = text;
		}
		return this.#node;
	}
}

export const growingText = directive(GrowingText);
