/**
 * Checks the requests that Conch sends against the types of the providers' official npm packages: writes each as a
 * literal of its type into a file, which the TypeScript compiler checks. In a literal, a field that the type does not
 * have is an error, too.
 *
 * Usage: node check_requests.mjs FOLDER, the folder in which the packages of package.json are installed.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const IMPORTS = `
import type Anthropic from "@anthropic-ai/sdk";
import { type GenerateContentParameters, ThinkingLevel } from "@google/genai";
import type { ChatRequest } from "ollama";
import type OpenAI from "openai";
`;

/** The type of each protocol's body, and the body in the form of the type. */
const PROTOCOLS = {
	openai: ["OpenAI.Chat.ChatCompletionCreateParamsStreaming", ofOpenAi],
	responses: ["OpenAI.Responses.ResponseCreateParamsStreaming", (body) => body],
	anthropic: ["Anthropic.MessageCreateParamsStreaming", ofAnthropic],
	gemini: ["GenerateContentParameters", ofGemini],
	ollama: ["ChatRequest & { stream: true }", ofOllama],
};

/** The package has no type of the body, but of what its client makes it of. */
function ofGemini({ contents, generationConfig, systemInstruction, ...unknown }) {
	return { model: "m", contents, config: { ...generationConfig, systemInstruction }, ...unknown };
}

/** DeepSeek requires the reasoning in turns with calls of tools; models of OpenAI send none here. */
function ofOpenAi({ messages, ...body }) {
	const without = ({ reasoning_content: _, ...message }) => message;
	return { messages: Array.isArray(messages) ? messages.map(without) : messages, ...body };
}

/** The models up to Claude Opus 4.6 take these; types since 1.0 do not have them. */
function ofAnthropic({ temperature: _temperature, top_p: _topP, ...body }) {
	return body;
}

/** What Ollama takes that its package's type does not have: `ChatRequest` and `ThinkValue` in Ollama's api/types.go. */
function ofOllama({ truncate: _truncate, shift: _shift, ...body }) {
	return body.think === "max" ? { ...body, think: "high" } : body;
}

/** Returns a value as a literal of TypeScript. */
function literal(value) {
	const text = JSON.stringify(value, undefined, 1);
	return text.replace(
		/"thinkingLevel": "(\w+)"/g,
		(_, level) => `"thinkingLevel": ThinkingLevel.${level.toUpperCase()}`,
	);
}

/** Returns bodies that are wrong, which the compiler has to find. */
function spoiled(body) {
	const name = ["messages", "contents", "input"].find((name) => name in body);
	return [
		{ ...body, no_such_field: 1 },
		{ ...body, [name]: 7 },
	];
}

const here = dirname(fileURLToPath(import.meta.url));
const folder = process.argv[2];
let source = IMPORTS;
let count = 0;
for (const [protocol, [type, form]] of Object.entries(PROTOCOLS)) {
	const requests = JSON.parse(readFileSync(join(here, "requests", `${protocol}.json`), "utf8"));
	for (const [name, body] of Object.entries(requests)) {
		count += 1;
		source += `\n// ${protocol}, ${name}\nexport const request${count}: ${type} = ${literal(form(body))};\n`;
	}
	for (const [index, body] of spoiled(Object.values(requests)[0]).entries()) {
		const one = JSON.stringify(form(body));
		source += `\n// @ts-expect-error: it is wrong\nexport const ${protocol}${index}: ${type} = ${one};\n`;
	}
}
const file = join(folder, "requests.ts");
writeFileSync(file, source);
const compiler = join(folder, "node_modules", "typescript", "bin", "tsc");
const options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2022"];
const { status } = spawnSync(process.execPath, [compiler, ...options, "requests.ts"], {
	cwd: folder,
	stdio: "inherit",
});
console.log(`${count} requests in ${Object.keys(PROTOCOLS).length} protocols, ${status === 0 ? "no" : "some"} errors`);
process.exit(status ?? 1);
