/** Request parameters as text in fields. Pure. */
import type { ModelInfo, Parameters, ReasoningEffort } from "../../ipc/bindings";
import { type ParseResult, parseNumber, parseWhole } from "../../shared/parse";

export type ParameterName = keyof Parameters;

export const NO_PARAMETERS: Parameters = {
	systemPrompt: null,
	temperature: null,
	topP: null,
	maxTokens: null,
	stop: [],
	reasoningEffort: null,
};

export const PARAMETER_NAMES = Object.keys(NO_PARAMETERS) as readonly ParameterName[];

/** The names of the parameters, as their fields show them. */
export const LABELS: Record<ParameterName, string> = {
	systemPrompt: "System prompt",
	temperature: "Temperature",
	topP: "Top-p",
	maxTokens: "Max tokens",
	stop: "Stop sequences",
	reasoningEffort: "Reasoning effort",
};

/** The efforts, least first. */
export const EFFORTS: Record<ReasoningEffort, string> = {
	none: "Off",
	minimal: "Minimal",
	low: "Low",
	medium: "Medium",
	high: "High",
	xhigh: "Extra high",
	max: "Maximum",
};

/** What a model takes of the parameters. Without a model, every one. */
export type Taker = Pick<ModelInfo, "name" | "efforts" | "sampling" | "refused">;

/** Returns whether a model takes a parameter, as far as it is known. */
export function takes(model: Taker | undefined, name: ParameterName): boolean {
	if (model === undefined) return true;
	if (model.refused.some((refused) => refused === name)) return false;
	if (name === "temperature" || name === "topP") return model.sampling !== "never";
	return name !== "reasoningEffort" || model.efforts === null || model.efforts.length > 0;
}

/** Returns the efforts to choose from: those of the model, and the chosen one, which may be of another model. */
export function effortsOf(model: Taker | undefined, chosen: string): ReasoningEffort[] {
	const all = Object.keys(EFFORTS) as ReasoningEffort[];
	const offered = model?.efforts ?? all;
	return all.filter((effort) => offered.includes(effort) || effort === chosen);
}

/** Label of a value that is not sent, so that the provider decides. */
export const PROVIDER_DEFAULT = "Provider default";

/** Parameters for which a provider has no default. */
const NONE_BY_DEFAULT: ReadonlySet<ParameterName> = new Set(["systemPrompt", "stop"]);

/** The maximum that the core stores. */
const MAX_TOKENS = 2 ** 32 - 1;

/** Maximum number of stop sequences, as in the OpenAI protocol. */
const MAX_STOPS = 4;

/** Returns a parameter as the text of its field; empty if it is not set. */
export function parameterText(name: ParameterName, parameters: Parameters): string {
	if (name === "stop") return parameters.stop.join("\n");
	return String(parameters[name] ?? "");
}

/** Returns the parameters with one of them parsed from its field. An empty field unsets it. */
export function withParameter(
	parameters: Parameters,
	name: ParameterName,
	text: string,
): ParseResult<Parameters> {
	const parsed = parse(name, text);
	return "problem" in parsed ? parsed : { value: { ...parameters, [name]: parsed.value } };
}

function parse(name: ParameterName, text: string): ParseResult<Parameters[ParameterName]> {
	if (name === "stop") return parseStops(text);
	if (text.trim() === "") return { value: null };
	switch (name) {
		case "systemPrompt":
			return { value: text };
		case "temperature": {
			const value = parseNumber(text);
			if (value === null) return { problem: "Enter a number, for example 0.7" };
			return value >= 0 && value <= 2
				? { value }
				: { problem: "The temperature must be from 0 to 2" };
		}
		case "topP": {
			const value = parseNumber(text);
			if (value === null) return { problem: "Enter a number, for example 0.9" };
			return value > 0 && value <= 1
				? { value }
				: { problem: "Top-p must be above 0 and at most 1" };
		}
		case "maxTokens": {
			const value = parseWhole(text);
			if (value === null) return { problem: "Enter a whole number, for example 1000" };
			return value >= 1 && value <= MAX_TOKENS
				? { value }
				: { problem: `Max tokens must be from 1 to ${MAX_TOKENS}` };
		}
		case "reasoningEffort":
			return { value: text as ReasoningEffort };
	}
}

function parseStops(text: string): ParseResult<string[]> {
	const value = text.split(/\r?\n/).filter((line) => line !== "");
	return value.length <= MAX_STOPS ? { value } : { problem: "Enter at most four stop sequences" };
}

/** Returns whether at least one parameter is set. */
export function isAnySet(parameters: Parameters): boolean {
	return PARAMETER_NAMES.some((name) => parameterText(name, parameters) !== "");
}

/** Returns the placeholder of an empty field, which shows the value that applies. */
export function placeholderOf(name: ParameterName, defaults: Parameters): string {
	const text = parameterText(name, defaults).replace(/\s*\n\s*/g, " · ");
	if (text === "") return NONE_BY_DEFAULT.has(name) ? "None" : PROVIDER_DEFAULT;
	const shown = name === "reasoningEffort" ? EFFORTS[text as ReasoningEffort] : text;
	return `Default: ${shown.length > 120 ? `${shown.slice(0, 120)}…` : shown}`;
}
