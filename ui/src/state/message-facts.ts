/** Details of how an answer was generated, as text. */
import type { Message } from "../ipc/bindings";

const WHEN = { dateStyle: "medium", timeStyle: "short" } as const;

/** Returns names and values of the known details. */
export function factsOf(message: Message): readonly (readonly [string, string])[] {
	const { model, usage, createdAt, finishedAt } = message;
	const ms = finishedAt === null ? null : finishedAt - createdAt;
	const facts: [string, string][] = [];
	if (model !== null) facts.push(["Model", model]);
	facts.push(["Asked", new Date(createdAt).toLocaleString(undefined, WHEN)]);
	if (ms !== null) facts.push(["Took", duration(ms)]);
	if (usage?.promptTokens != null) facts.push(["Read", tokens(usage.promptTokens)]);
	if (usage?.cachedTokens != null)
		facts.push(["Of these kept from before", tokens(usage.cachedTokens)]);
	if (usage?.completionTokens != null) {
		facts.push(["Written", tokens(usage.completionTokens)]);
		if (ms !== null && ms > 0) {
			const speed = (usage.completionTokens * 1000) / ms;
			facts.push(["Speed", `${(Math.round(speed * 10) / 10).toLocaleString()} tokens/s`]);
		}
	}
	return facts;
}

function tokens(count: number): string {
	return count === 1 ? "1 token" : `${count.toLocaleString()} tokens`;
}

function duration(ms: number): string {
	if (ms < 60_000) return `${(Math.round(ms / 100) / 10).toLocaleString()} s`;
	const seconds = Math.round(ms / 1000);
	return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
