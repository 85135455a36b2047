/** Formulas as MathML. */

import type { MathNode, Math as Tex } from "../ipc/bindings";
import { element } from "./element";

const NAMESPACE = "http://www.w3.org/1998/Math/MathML";

/** Attributes that could load, run or restyle. No formula needs them; a second barrier behind the parser's list. */
const REFUSED = /^on|^(href|src|style)$|:/i;

/** Returns the formula, or its source if that could not be parsed. */
export function math({ source, tree }: Tex, display: "inline" | "block"): Element {
	if (tree === null) return element("code", { class: "tex" }, source);
	const built = build(tree);
	const root = isRoot(built) ? built : document.createElementNS(NAMESPACE, "math");
	if (root !== built) root.append(built);
	// A display formula may occur inline, and then has the attribute already.
	if (!root.hasAttribute("display")) root.setAttribute("display", display);
	return root;
}

function isRoot(node: Node): node is Element {
	return node instanceof Element && node.localName === "math";
}

function build(node: MathNode): Element | Text {
	switch (node.type) {
		case "text":
			return document.createTextNode(node.text);
		case "element": {
			const made = document.createElementNS(NAMESPACE, node.name);
			for (const [name, value] of node.attributes) {
				if (!REFUSED.test(name)) made.setAttribute(name, value);
			}
			for (const child of node.children) made.append(build(child));
			return made;
		}
	}
}
