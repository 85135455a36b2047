/**
 * Text that may be too long for one box. Growing text is laid out again from the start of its box, and a box is
 * laid out as a whole, so a long text is split into pieces, each in a separate box.
 */

import { element } from "./element";
import { type ItemRenderer, reconcile, rewrite } from "./reconcile";

/** The length above which a text is split into pieces, in characters. No readable paragraph is that long. */
const LONG = 16_000;

/** The longest piece, in characters. */
const PIECE = 4_000;

/** That many combining marks on one letter are no word: positioning them takes time quadratic in their number. */
const PILE = /\p{M}{256}/u;

function isLong(text: string): boolean {
	return text.length > LONG || PILE.test(text);
}

/** Returns one node for the text. */
export function textNode(text: string): ChildNode {
	return isLong(text)
		? withText(element("span", { class: "pieces" }), text)
		: document.createTextNode(text);
}

/** Updates the node from `was` to `now`; returns false if that needs another node. */
export function rewriteText(node: ChildNode, was: string, now: string): boolean {
	if (isLong(was) !== isLong(now)) return false;
	if (isLong(now)) setText(node as Element, was, now);
	else rewrite(node as Text, was, now);
	return true;
}

/** Returns the empty element, filled with the text. */
export function withText<Host extends Element>(host: Host, text: string): Host {
	setText(host, "", text);
	return host;
}

/** Updates an element that shows `was`, or is empty, to show only `now`. */
export function setText(host: Element, was: string, now: string): void {
	if (isLong(was) && isLong(now)) {
		reconcile(host, pieces(was), pieces(now), shown);
	} else if (isLong(now)) {
		host.replaceChildren(...pieces(now).map(shown.build));
	} else if (isLong(was) || host.firstChild === null) {
		host.replaceChildren(document.createTextNode(now));
	} else {
		rewrite(host.firstChild as Text, was, now);
	}
}

const shown: ItemRenderer<string> = {
	build: (piece) => element("span", { class: "piece" }, document.createTextNode(piece)),
	update: (node, was, now) => {
		rewrite(node.firstChild as Text, was, now);
		return true;
	},
};

/** Cuts after a pile of marks, or else at a space if there is one; as the text grows, only the last piece changes. */
function pieces(text: string): string[] {
	const cut: string[] = [];
	let rest = text;
	for (let piece = firstPiece(rest); piece.length < rest.length; piece = firstPiece(rest)) {
		cut.push(piece);
		rest = rest.slice(piece.length);
	}
	cut.push(rest);
	return cut;
}

function firstPiece(text: string): string {
	const start = firstOf(text, PIECE);
	const pile = PILE.exec(start);
	if (pile !== null) return start.slice(0, pile.index + pile[0].length);
	if (start === text) return text;
	const space = start.search(/\s\S*$/);
	return space < PIECE / 2 ? start : start.slice(0, space + 1);
}

/** Returns the first `most` characters, without splitting a surrogate pair. */
export function firstOf(text: string, most: number): string {
	const isCut = (text.codePointAt(most - 1) ?? 0) > 0xffff;
	return text.slice(0, isCut ? most - 1 : most);
}
