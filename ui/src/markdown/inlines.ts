/** Inline content: each inline renders as one node. */

import type { Inline, Math as Tex } from "../ipc/bindings";
import { element } from "./element";
import { footnoteReference } from "./footnotes";
import { image } from "./image";
import { link } from "./link";
import { rewriteText, setText, textNode, withText } from "./long-text";
import { math } from "./math";
import { type ItemRenderer, isEqual, reconcile } from "./reconcile";
import type { MarkdownServices } from "./services";
import { wide } from "./wide";

/** The source length from which a formula may not fit a narrow column, in characters. */
const LONG_FORMULA = 32;

/** Renders each inline as one node; growing text keeps its node. */
export class Inlines implements ItemRenderer<Inline> {
	readonly #services: MarkdownServices;

	constructor(services: MarkdownServices) {
		this.#services = services;
	}

	/** Returns the parent, filled with the inlines. */
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
				return this.#formula(inline.math);
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
				if (!isEqual({ ...rest, inlines: now.inlines }, now)) return false;
				reconcile(node, inlines, now.inlines, this);
				return true;
			}
			case "image":
			case "math":
			case "footnoteReference":
			case "softBreak":
			case "hardBreak":
				return isEqual(was, now);
		}
	}

	/** A long formula scrolls, because formulas do not wrap. */
	#formula(tex: Tex): Element {
		const shown = math(tex, "inline");
		if (tex.tree === null || tex.source.length < LONG_FORMULA) return shown;
		const isDisplayed = shown.getAttribute("display") === "block";
		const className = isDisplayed ? "formula" : "formula inline";
		return wide("span", className, "Formula", shown, this.#services);
	}
}
