import assert from "node:assert/strict";
import { test } from "node:test";
import type { Block, Inline } from "../src/ipc/bindings";
import { assertSame, event, find, mounted, paragraph, settled, text } from "./markdown-dom";
import { document as generated, random } from "./markdown-generated";

const link = (destination: string, host: string | null, title = ""): Inline => ({
	type: "link",
	destination,
	title,
	host,
	inlines: [text("here")],
});
const image = (destination: string, host: string | null, alt = "", title = ""): Inline => ({
	type: "image",
	destination,
	title,
	host,
	alt,
});

test("a link is opened by a click, the middle button or Enter, and leads nowhere by itself", () => {
	const { host, opened } = mounted({}, [paragraph(link("https://example.com/a", "example.com"))]);
	const a = find(host, "a");
	assert.equal(a.getAttribute("role"), "link");
	assert.equal(a.tabIndex, 0);
	assert.equal(a.hasAttribute("href"), false);
	assert.equal(a.dataset.host, "example.com");
	const acts = [
		event("click", { button: 0 }),
		event("auxclick", { button: 1 }),
		event("keydown", { key: "Enter" }),
	];
	for (const act of acts) {
		a.dispatchEvent(act);
		assert.equal(opened.pop(), "https://example.com/a", act.type);
		assert.ok(act.defaultPrevented);
	}
	a.dispatchEvent(event("auxclick", { button: 2 }));
	a.dispatchEvent(event("keydown", { key: "a" }));
	assert.deepEqual(opened, []);
});

test("the end of a selection in a link does not open it", () => {
	const { host, opened } = mounted({}, [
		paragraph("see ", link("https://example.com", "example.com")),
	]);
	const selection = document.getSelection() as Selection;
	const word = find(host, "a").firstChild as Text;
	selection.setBaseAndExtent(word, 0, word, 2);
	find(host, "a").dispatchEvent(event("click", { button: 0 }));
	assert.deepEqual(opened, []);
	selection.removeAllRanges();
});

test("a link says where it goes before it is followed", () => {
	const hint = (inline: Inline) => find(mounted({}, [paragraph(inline)]).host, ".link").title;
	assert.equal(hint(link("https://a.example/x", "a.example")), "a.example\nhttps://a.example/x");
	assert.equal(
		hint(link("https://a.example/\u202egpj.exe", "a.example", "Shells")),
		"Shells\na.example\nhttps://a.example/U+202Egpj.exe",
	);
});

test("a link that is refused is its text", () => {
	const { host, opened } = mounted({}, [paragraph(link("javascript:alert(1)", null))]);
	const span = find(host, "span.link.refused");
	assert.equal(host.querySelectorAll("a").length, 0);
	assert.equal(span.textContent, "here");
	assert.equal(span.title, "Not opened: javascript:alert(1)");
	assert.equal(span.hasAttribute("tabindex"), false);
	for (const type of ["click", "auxclick", "keydown"]) {
		span.dispatchEvent(event(type, { button: 1, key: "Enter" }));
	}
	assert.deepEqual(opened, []);
});

test("a link whose text grows stays the same, and one that goes elsewhere does not", () => {
	const to = (destination: string, words: string): Block =>
		paragraph({ ...link(destination, "a.example"), inlines: [text(words)] } as Inline);
	const { host, view, opened } = mounted({}, [to("https://a.example/1", "he")]);
	const a = find(host, "a");
	view.show([to("https://a.example/1", "here")]);
	assertSame([find(host, "a")], [a]);
	assert.equal(a.textContent, "here");
	view.show([to("https://a.example/2", "here")]);
	find(host, "a").click();
	assert.deepEqual(opened, ["https://a.example/2"]);
});

test("an image is not fetched until the user asks", async () => {
	const { host, loaded } = mounted({}, [
		paragraph(image("https://example.com/a.png", "example.com", "A shell", "Found")),
	]);
	assert.equal(host.querySelectorAll("img").length, 0);
	const chip = find(host, ".image > button");
	assert.equal(chip.textContent, "A shell Image from example.com — load");
	assert.equal(chip.title, "Found\nhttps://example.com/a.png");
	chip.focus();
	chip.click();
	chip.click();
	await settled();
	assert.deepEqual(loaded, ["https://example.com/a.png"], "asked for once");
	assert.match(chip.textContent ?? "", /loading/);
});

test("an image is shown when it has come", async () => {
	const { host } = mounted({}, [
		paragraph(image("https://example.com/a.png", "example.com", "A shell")),
	]);
	const chip = find(host, ".image > button");
	const place = find(host, ".image");
	chip.focus();
	const img = await pressed(chip);
	img.dispatchEvent(event("load"));
	await settled();
	assertSame([find(place, "img")], [img]);
	assert.equal(img.getAttribute("alt"), "A shell");
	assert.equal(img.getAttribute("src"), "blob:image");
	assert.equal(place.querySelectorAll("button").length, 0);
	assertSame([document.activeElement], [place], "the focus is lost");
});

test("an image that does not come says so, and can be asked for again", async () => {
	const ways: [string, () => Promise<string>][] = [
		["it was refused", () => Promise.reject(new Error("too large"))],
		["it would be fetched from elsewhere", async () => "https://example.com/a.png"],
		["it is none", async () => "data:text/html,<script>alert(1)</script>"],
	];
	for (const [why, loadImage] of ways) {
		const { host, loaded } = mounted({ loadImage }, [paragraph(image("x", "example.com"))]);
		const chip = find(host, ".image > button");
		chip.click();
		await settled();
		assert.equal(chip.textContent, "Image from example.com — could not be loaded, try again", why);
		assert.equal(host.querySelectorAll("img").length, 0);
		chip.click();
		await settled();
		assert.equal(loaded.length, 2);
	}
	const broken = mounted({}, [paragraph(image("x", "example.com"))]);
	const chip = find(broken.host, ".image > button");
	(await pressed(chip)).dispatchEvent(event("error"));
	await settled();
	assert.match(chip.textContent ?? "", /could not be loaded/);
	assert.ok(chip.isConnected);
});

test("an image that is refused is what is said of it", () => {
	const { host } = mounted({}, [paragraph(image("data:image/png;base64,x", null, "A shell"))]);
	assert.equal(host.textContent, "A shell");
	assert.equal(host.querySelectorAll("button, img").length, 0);
});

test("an image in a link is loaded without the link being opened", async () => {
	const around = { ...link("https://a.example", "a.example"), inlines: [image("x", "b.example")] };
	const { host, opened, loaded } = mounted({}, [paragraph(around as Inline)]);
	const chip = find(host, "a button");
	chip.dispatchEvent(event("keydown", { key: "Enter" }));
	chip.dispatchEvent(event("auxclick", { button: 1 }));
	chip.click();
	await settled();
	assert.deepEqual([opened, loaded], [[], ["x"]]);
});

test("a reference leads to its note, and the note back to where the reader was", () => {
	const answer = (): Block[] => [
		paragraph("a", { type: "footnoteReference", number: 1 }),
		paragraph("b", { type: "footnoteReference", number: 1 }),
		{ type: "footnotes", notes: [{ number: 1, blocks: [paragraph("note")] }] },
	];
	const other = mounted({}, answer());
	const { host } = mounted({}, answer());
	const [first, second] = host.querySelectorAll<HTMLElement>("sup > button");
	const note = find(host, "li");
	find(host, ".back").click();
	assertSame([document.activeElement], [first]);
	second?.click();
	assertSame([document.activeElement], [note], "not this message’s note");
	find(host, ".back").click();
	assertSame([document.activeElement], [second]);
	other.host.remove();
});

test("a reference to a note that is not there leads nowhere", () => {
	const { host } = mounted({}, [paragraph({ type: "footnoteReference", number: 1 })]);
	const button = find(host, "sup > button");
	button.focus();
	button.click();
	assertSame([document.activeElement], [button]);
});

test("whatever is written, nothing runs, loads or leads away, and the text is there", () => {
	for (let seed = 1; seed <= 200; seed++) {
		const blocks = generated(random(seed), 4);
		const { host } = mounted({}, blocks);
		for (const node of host.querySelectorAll("*")) {
			assert.doesNotMatch(node.localName, /^(script|style|iframe|object|embed|img|form|svg|base)$/);
			for (const name of node.getAttributeNames()) {
				assert.doesNotMatch(name, /^on|^(href|src|srcset|action|style|id|name)$|:/, node.outerHTML);
			}
		}
		const shown = host.textContent ?? "";
		for (const words of texts(blocks)) assert.ok(shown.includes(words), `seed ${seed}: ${words}`);
		host.remove();
	}
});

/** Returns all readable text, including alternative texts. */
function texts(value: unknown): string[] {
	if (Array.isArray(value)) return value.flatMap(texts);
	if (typeof value !== "object" || value === null) return [];
	return Object.entries(value).flatMap(([key, item]) =>
		(key === "text" || key === "alt") && typeof item === "string" ? [item] : texts(item),
	);
}

/** Clicks the chip, and returns the image that is being decoded before it is shown. */
async function pressed(chip: HTMLElement): Promise<HTMLElement> {
	const made: HTMLElement[] = [];
	const own = document.createElement;
	document.createElement = ((name: string) => {
		const element = own.call(document, name);
		if (name === "img") made.push(element);
		return element;
	}) as typeof document.createElement;
	chip.click();
	await settled();
	document.createElement = own;
	const [img] = made;
	if (img === undefined) throw new Error("no image was made");
	return img;
}
