/** Details of how an answer was generated, as text. */
import type { Message } from "../../../ipc/bindings";
import { count } from "../../../shared/format";
import { LABELS } from "../../parameters/parameters";

const WHEN = { dateStyle: "medium", timeStyle: "short" } as const;

/** Returns names and values of the known details. */
export function factsOf(message: Message): readonly (readonly [string, string])[] {
	const { model, usage, createdAt, finishedAt, leftOut, leftOutTokens } = message;
	const ms = finishedAt === null ? null : finishedAt - createdAt;
	const facts: [string, string][] = [];
	if (model !== null) facts.push(["Model", model]);
	facts.push(["Sent", new Date(createdAt).toLocaleString(undefined, WHEN)]);
	if (ms !== null) facts.push(["Duration", duration(ms)]);
	if (usage?.promptTokens != null)
		facts.push(["Input tokens", usage.promptTokens.toLocaleString()]);
	if (usage?.cachedTokens != null)
		facts.push(["Cached input tokens", usage.cachedTokens.toLocaleString()]);
	if (usage?.cacheWrittenTokens)
		facts.push(["Input tokens written to the cache", usage.cacheWrittenTokens.toLocaleString()]);
	if (usage?.completionTokens != null) {
		facts.push(["Output tokens", usage.completionTokens.toLocaleString()]);
		if (usage.reasoningTokens)
			facts.push(["Reasoning tokens", usage.reasoningTokens.toLocaleString()]);
		if (ms !== null && ms > 0) {
			const speed = (usage.completionTokens * 1000) / ms;
			facts.push(["Speed", `${(Math.round(speed * 10) / 10).toLocaleString()} tokens/s`]);
		}
	}
	if (message.notSent.length > 0) {
		const names = message.notSent.map((name) => LABELS[name]);
		facts.push(["Not sent", `${names.join(", ")} (not taken by the model)`]);
	}
	if (leftOut > 0) {
		const tokens = leftOutTokens > 0 ? `, about ${count(leftOutTokens, "token")}` : "";
		facts.push(["Omitted", `${count(leftOut, "message")}${tokens}`]);
	}
	return facts;
}

function duration(ms: number): string {
	if (ms < 60_000) return `${(Math.round(ms / 100) / 10).toLocaleString()} s`;
	const seconds = Math.round(ms / 1000);
	return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
