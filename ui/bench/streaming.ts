/**
 * What `cargo xtask bench` runs inside a window's page to see how long its thread is busy, and what it
 * compares Conch with. It is handed to the page by WebDriver and is no part of the application.
 *
 * The other side sets HTML, which Conch's page refuses whoever asks for it. So it has a hello-world window of
 * its own, with Conch's styles.
 */
import MarkdownIt from "markdown-it";

/** Conch's sheet, put in when this is bundled. */
declare const STYLES: string;

/** How long the other waits between two looks at what has come, in ms: as long as Conch. */
const FLUSH = 33;

let longest = 0;
let longestFrame = 0;
let last: { turn: number; frame: number } | null = null;

/** Begins to watch, or to watch anew. */
export function watch(): void {
	const isWatching = last !== null;
	longest = longestFrame = 0;
	last = { turn: performance.now(), frame: performance.now() };
	if (isWatching) return;
	turn();
	requestAnimationFrame(frame);
}

/**
 * The longest time between two turns of a timer that never waits, in ms: what a click at the worst moment
 * would have waited. Timers that follow each other are kept apart by 4 ms, which is in it. And the longest
 * time between two frames, in which the painting is, too.
 */
export function seen(): { longest: number; longestFrame: number } {
	// What is going on now counts.
	if (last !== null) longest = Math.max(longest, performance.now() - last.turn);
	return { longest, longestFrame };
}

function turn(): void {
	if (last === null) return;
	const now = performance.now();
	longest = Math.max(longest, now - last.turn);
	last.turn = now;
	setTimeout(turn);
}

function frame(): void {
	if (last === null) return;
	const now = performance.now();
	longestFrame = Math.max(longestFrame, now - last.frame);
	last.frame = now;
	requestAnimationFrame(frame);
}

/**
 * Shows a text that comes at a rate as most chat pages do: whenever more has come, all of it is read by
 * markdown-it and put in place of what was there. `data-bench` on the body says `done` when it has ended.
 */
export function stream(text: string, charactersPerSecond: number): void {
	const show = place();
	const started = performance.now();
	let shown = 0;
	const flush = () => {
		const come = Math.floor(((performance.now() - started) / 1000) * charactersPerSecond);
		const length = Math.min(text.length, come);
		if (length > shown) {
			shown = length;
			show(text.slice(0, shown));
		}
		if (shown < text.length) setTimeout(flush, FLUSH);
		else document.body.dataset.bench = "done";
	};
	flush();
}

/** Shows a text at once, in the same way. */
export function show(text: string): void {
	place()(text);
	// Once it has been painted.
	requestAnimationFrame(() =>
		setTimeout(() => {
			document.body.dataset.bench = "done";
		}),
	);
}

/** The page with nothing in it but where an answer of Conch's would stand; what it returns shows a text there. */
function place(): (text: string) => void {
	delete document.body.dataset.bench;
	const sheet = new CSSStyleSheet();
	sheet.replaceSync(`${STYLES} #transcript { height: 100vh; }`);
	document.adoptedStyleSheets = [sheet];
	const markdown = new MarkdownIt();
	const host = document.createElement("div");
	host.className = "markdown";
	const message = document.createElement("article");
	message.className = "message";
	message.dataset.role = "assistant";
	message.append(host);
	const column = document.createElement("div");
	column.className = "column";
	column.append(message);
	const scroller = document.createElement("div");
	scroller.id = "transcript";
	scroller.append(column);
	document.body.replaceChildren(scroller);
	return (text) => {
		host.innerHTML = markdown.render(text);
		scroller.scrollTop = scroller.scrollHeight;
	};
}
