/**
 * Append-only text: only the new end touches the DOM, so the cost of a long answer is linear in its length
 * and not quadratic, and a selection in it survives.
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
