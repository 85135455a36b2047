/**
 * Text that grows at its end: only what is new touches the DOM, so a long answer costs its length
 * and not its square, and a selection in it survives.
 */
import { Directive, directive } from "lit-html/directive.js";
import { rewriteText, textNode } from "./long-text";

class GrowingText extends Directive {
	#node = textNode("");
	#text = "";

	override render(text: string): Node {
		if (!rewriteText(this.#node, this.#text, text)) this.#node = textNode(text);
		this.#text = text;
		return this.#node;
	}
}

export const growingText = directive(GrowingText);
