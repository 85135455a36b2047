/** What stands in a line: each inline is one node. */

import type { Inline } from "../ipc/bindings";
import { element } from "./element";
import { footnoteReference } from "./footnotes";
import { image } from "./image";
import { link } from "./link";
import { rewriteText, setText, textNode, withText } from "./long-text";
import { math } from "./math";
import { reconcile, type Shown, same } from "./reconcile";
import type { MarkdownServices } from "./services";

/** Shows each inline by one node; text that grows keeps its node. */
export class Inlines implements Shown<Inline> {
	readonly #services: MarkdownServices;

	constructor(services: MarkdownServices) {
		this.#services = services;
	}

	/** The parent, with these in it. */
	in<Parent extends Node>(parent: Parent, inlines: readonly Inline[]): Parent {
		reconcile(parent, [], inlines, this);
		return parent;
	}

	build(inline: Inline): ChildNode {
		switch (inline.type) {
			case "text":
				return textNode(inline.text);
			case "emphasis":
				return this.in(element("em"), inline.inlines);
			case "strong":
				return this.in(element("strong"), inline.inlines);
			case "strikethrough":
				return this.in(element("s"), inline.inlines);
			case "code":
				return withText(element("code"), inline.text);
			case "link":
				return this.in(link(inline, this.#services), inline.inlines);
			case "image":
				return image(inline, this.#services);
			case "math":
				return math(inline.math, "inline");
			case "footnoteReference":
				return footnoteReference(inline.number);
			case "html":
				return withText(element("span", { class: "html" }), inline.text);
			case "softBreak":
				return document.createTextNode("\n");
			case "hardBreak":
				return element("br");
		}
	}

	update(node: ChildNode, was: Inline, now: Inline): boolean {
		if (was.type !== now.type) return false;
		switch (now.type) {
			case "text":
				return rewriteText(node, (was as typeof now).text, now.text);
			case "code":
			case "html":
				setText(node as Element, (was as typeof now).text, now.text);
				return true;
			case "emphasis":
			case "strong":
			case "strikethrough":
				reconcile(node, (was as typeof now).inlines, now.inlines, this);
				return true;
			case "link": {
				const { inlines, ...rest } = was as typeof now;
				if (!same({ ...rest, inlines: now.inlines }, now)) return false;
				reconcile(node, inlines, now.inlines, this);
				return true;
			}
			case "image":
			case "math":
			case "footnoteReference":
			case "softBreak":
			case "hardBreak":
				return same(was, now);
		}
	}
}
