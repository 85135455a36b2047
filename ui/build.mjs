// Bundles the page into dist/; with --watch into node_modules/.conch-page/, again after each change; with --tests it
// bundles and runs its unit tests; and with --bench the page script of the bench into
// node_modules/.conch-bench/.
import { spawnSync } from "node:child_process";
import { watch } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { gzipSync } from "node:zlib";
import { build, context } from "esbuild";

/** The icons in use, from Lucide (ISC). */
const ICONS = [
	"arrow-down",
	"arrow-left",
	"arrow-up",
	"check",
	"chevron-down",
	"chevron-left",
	"chevron-right",
	"chevron-up",
	"circle-alert",
	"circle-check",
	"copy",
	"external-link",
	"eye",
	"eye-off",
	"file-text",
	"git-branch",
	"git-graph",
	"grip-vertical",
	"info",
	"keyboard",
	"list-plus",
	"list-x",
	"loader-circle",
	"panel-left",
	"paperclip",
	"pause",
	"pencil",
	"play",
	"plus",
	"refresh-cw",
	"rotate-ccw",
	"search",
	"send",
	"settings",
	"sliders-horizontal",
	"square",
	"square-arrow-out-up-right",
	"trash-2",
	"x",
];

async function sprite() {
	const symbols = await Promise.all(
		ICONS.map(async (name) => {
			const svg = await readFile(`node_modules/lucide-static/icons/${name}.svg`, "utf8");
			const shapes = svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.indexOf("</svg>"));
			return `<symbol id="icon-${name}" viewBox="0 0 24 24">${shapes.replace(/\s+/g, " ").trim()}</symbol>`;
		}),
	);
	return `<svg id="icons" aria-hidden="true"><!-- Lucide, ISC licence -->${symbols.join("")}</svg>`;
}

const PAGE = {
	entryPoints: ["src/main.ts", "src/styles/main.css"],
	entryNames: "[name]",
	bundle: true,
	format: "esm",
	target: "safari17",
	logLevel: "warning",
};

async function html() {
	return (await readFile("index.html", "utf8")).replace("<!-- icons -->", await sprite());
}

/** Builds dist/. A file that stays the same is not written: cargo rebuilds the application when one is newer. */
async function page() {
	const bundle = await build({ ...PAGE, outdir: "dist", minify: true, write: false }).catch(() =>
		process.exit(1),
	);
	const files = new Map(
		bundle.outputFiles.map(({ path, contents }) => [basename(path), Buffer.from(contents)]),
	);
	files.set("index.html", Buffer.from(await html()));
	await mkdir("dist", { recursive: true });
	for (const name of await readdir("dist")) {
		if (!files.has(name)) await rm(`dist/${name}`, { recursive: true });
	}
	let total = 0;
	for (const [name, content] of files) {
		const old = await readFile(`dist/${name}`).catch(() => null);
		if (!old?.equals(content)) await writeFile(`dist/${name}`, content);
		const size = gzipSync(content, { level: 9 }).length;
		total += size;
		console.log(`  dist/${name}  ${(size / 1024).toFixed(1)} kB gzip`);
	}
	console.log(`  the page: ${(total / 1024).toFixed(1)} kB gzip`);
}

/** Builds the page now and after each change, unminified and with source maps, until the process is killed. */
async function watchPage() {
	const outdir = "node_modules/.conch-page";
	await rm(outdir, { recursive: true, force: true });
	await mkdir(outdir, { recursive: true });
	const writeHtml = async () => writeFile(`${outdir}/index.html`, await html());
	await writeHtml();
	watch("index.html", writeHtml);
	const bundle = await context({ ...PAGE, outdir, sourcemap: "inline", logLevel: "info" });
	await bundle.watch();
}

/**
 * Bundles the unit tests, and runs them. Each run has a folder of its own: another one, also of another checkout that
 * shares node_modules, would replace the bundles while these run.
 */
async function tests() {
	await mkdir(".tests", { recursive: true });
	const outdir = await mkdtemp(".tests/run-");
	try {
		await bundleTests(outdir);
		const bundles = (await readdir(outdir)).map((name) => `${outdir}/${name}`);
		const ran = spawnSync(process.execPath, ["--test", ...bundles], { stdio: "inherit" });
		process.exitCode = ran.status ?? 1;
	} finally {
		await rm(outdir, { recursive: true, force: true });
	}
}

async function bundleTests(outdir) {
	const names = (await readdir("tests")).filter((name) => name.endsWith(".test.ts"));
	await build({
		entryPoints: names.map((name) => `tests/${name}`),
		outdir,
		outExtension: { ".js": ".mjs" },
		bundle: true,
		format: "esm",
		platform: "node",
		logLevel: "warning",
	});
}

async function bench() {
	const styles = await build({
		entryPoints: ["src/styles/main.css"],
		bundle: true,
		minify: true,
		write: false,
		target: "safari17",
		logLevel: "warning",
	}).catch(() => process.exit(1));
	await build({
		entryPoints: ["bench/streaming.ts"],
		// The baseline runs in another page, which must look the same.
		define: { STYLES: JSON.stringify(styles.outputFiles[0].text) },
		outdir: "node_modules/.conch-bench",
		bundle: true,
		minify: true,
		format: "iife",
		globalName: "conchBench",
		target: "safari17",
		logLevel: "warning",
	}).catch(() => process.exit(1));
}

if (process.argv.includes("--tests")) await tests();
else if (process.argv.includes("--bench")) await bench();
else if (process.argv.includes("--watch")) await watchPage();
else await page();
