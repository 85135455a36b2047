/**
 * Text that may be longer than any line box should be. What grows is laid out anew from the start of its
 * box, and all of a box is laid out at once: a long text stands in pieces, each a box of its own.
 */

import { element } from "./element";
import { type ItemRenderer, reconcile, rewrite } from "./reconcile";

/** How long a text is that stands in pieces, in characters. No paragraph that is meant to be read is. */
const LONG = 16_000;

/** The longest piece, in characters. */
const PIECE = 4_000;

/** So many accents on one letter are no word: to find their places takes the square of their number. */
const PILE = /\p{M}{256}/u;

function isLong(text: string): boolean {
	return text.length > LONG || PILE.test(text);
}

/** One node for the text. */
export function textNode(text: string): ChildNode {
	return isLong(text)
		? withText(element("span", { class: "pieces" }), text)
		: document.createTextNode(text);
}

/** Has that node, which shows `was`, show `now`; false where it takes another. */
export function rewriteText(node: ChildNode, was: string, now: string): boolean {
	if (isLong(was) !== isLong(now)) return false;
	if (isLong(now)) setText(node as Element, was, now);
	else rewrite(node as Text, was, now);
	return true;
}

/** The element, which is empty, with the text in it. */
export function withText<Host extends Element>(host: Host, text: string): Host {
	setText(host, "", text);
	return host;
}

/** Has an element that shows `was`, or nothing, show `now` and nothing else. */
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

/** Cut behind a pile or else a space where there is one; as the text grows, all but the last stay as they are. */
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

/** The first characters, and not half of one. */
export function firstOf(text: string, most: number): string {
	const isCut = (text.codePointAt(most - 1) ?? 0) > 0xffff;
	return text.slice(0, isCut ? most - 1 : most);
}
