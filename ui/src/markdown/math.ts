/** Formulas, as MathML. */

import type { MathNode, Math as Tex } from "../ipc/bindings";
import { element } from "./element";

const NAMESPACE = "http://www.w3.org/1998/Math/MathML";

/** What could load, run or restyle: no formula needs it, so that the parser's list is not the only wall. */
const REFUSED = /^on|^(href|src|style)$|:/i;

/** The formula, or its source where it is none. */
export function math({ source, tree }: Tex, display: "inline" | "block"): Element {
	if (tree === null) return element("code", { class: "tex" }, source);
	const built = build(tree);
	const root = isRoot(built) ? built : document.createElementNS(NAMESPACE, "math");
	if (root !== built) root.append(built);
	// A displayed formula may stand in a line, and then says so itself.
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
