/**
 * What `cargo xtask bench` runs inside a window's page to measure how long its thread is busy, and the baseline
 * that it compares Conch with. WebDriver injects it into the page; it is no part of the application.
 *
 * The baseline sets HTML, which Conch's page refuses for any script. So it runs in a separate hello-world
 * window, with Conch's styles.
 */
import MarkdownIt from "markdown-it";

/** Conch's stylesheet, inlined by the bundler. */
declare const STYLES: string;

/** The flush interval of the baseline, in ms: the same as in Conch. */
const FLUSH = 33;

let longest = 0;
let longestFrame = 0;
let last: { turn: number; frame: number } | null = null;

/** Starts or restarts the measurement. */
export function watch(): void {
	const isWatching = last !== null;
	longest = longestFrame = 0;
	last = { turn: performance.now(), frame: performance.now() };
	if (isWatching) return;
	turn();
	requestAnimationFrame(frame);
}

/**
 * Returns the longest time between two turns of a zero-delay timer, in ms: what a click at the worst moment
 * would have waited. It includes the 4 ms by which browsers clamp nested timers. Also returns the longest time
 * between two frames, which includes painting.
 */
export function seen(): { longest: number; longestFrame: number } {
	// The unfinished turn counts, too.
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
 * Streams a text at a given rate as most chat pages do: whenever more has arrived, markdown-it parses all of it,
 * and the result replaces the previous content. Sets `data-bench` on the body to `done` at the end.
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

/** Shows a whole text in one step, in the same way. */
export function show(text: string): void {
	place()(text);
	// Once it has been painted.
	requestAnimationFrame(() =>
		setTimeout(() => {
			document.body.dataset.bench = "done";
		}),
	);
}

/** Replaces the page with an empty Conch message, and returns a function that renders a text in it. */
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
