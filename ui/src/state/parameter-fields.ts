/**
 * Fields of parameters that are being edited: each is saved by itself and soon, and a text that says
 * no value stays in its field until it does.
 */
import { type ReadonlySignal, signal } from "@preact/signals-core";
import { messageOf, type Parameters } from "../ipc/host";
import { Debouncer } from "../lib/debouncer";
import { PARAMETER_NAMES, type ParameterName, parameterText, withParameter } from "./parameters";

export class ParameterFields {
	/** What was typed and is not saved yet. */
	readonly typed = signal<ReadonlyMap<ParameterName, string>>(new Map());
	/** What has to be mended, by field. */
	readonly problems = signal<ReadonlyMap<ParameterName, string>>(new Map());
	readonly saved: ReadonlySignal<Parameters>;
	readonly #save: (parameters: Parameters) => Promise<void>;
	readonly #later = new Debouncer<ParameterName>((name) => void this.#commit(name, false));
	#last: Promise<void> = Promise.resolve();

	/** `save` rejects where the core does not take them; `saved` has them when it resolves. */
	constructor(saved: ReadonlySignal<Parameters>, save: (parameters: Parameters) => Promise<void>) {
		this.saved = saved;
		this.#save = save;
	}

	text(name: ParameterName): string {
		return this.typed.value.get(name) ?? parameterText(name, this.saved.value);
	}

	/** Takes what was typed, and saves it when the typing pauses. */
	type(name: ParameterName, text: string): void {
		this.typed.value = new Map(this.typed.value).set(name, text);
		// A fault is told when the typing pauses, and its end at once.
		if (this.problems.value.has(name)) this.#check(name, text);
		this.#later.call(name);
	}

	/** The user leaves the field: saves it now. */
	leave(name: ParameterName): Promise<void> {
		this.#later.cancel(name);
		return this.#commit(name, true);
	}

	/** Leaves every field. True when all of them are saved. */
	async leaveAll(): Promise<boolean> {
		await Promise.all(PARAMETER_NAMES.map((name) => this.leave(name)));
		return this.problems.value.size === 0;
	}

	/** Empties every field. */
	async clear(): Promise<void> {
		this.typed.value = new Map(PARAMETER_NAMES.map((name) => [name, ""]));
		await this.leaveAll();
	}

	/** One after the other: each adds one parameter to what the one before has saved. */
	#commit(name: ParameterName, leaving: boolean): Promise<void> {
		this.#last = this.#last.then(() => this.#commitNow(name, leaving));
		return this.#last;
	}

	async #commitNow(name: ParameterName, leaving: boolean): Promise<void> {
		const text = this.typed.value.get(name);
		if (text === undefined) return;
		const next = this.#check(name, text);
		if (next === null) return;
		try {
			if (parameterText(name, next) !== parameterText(name, this.saved.value)) {
				await this.#save(next);
			}
			// While the user is in the field it keeps what was typed: 0.70 does not become 0.7.
			if (leaving && this.typed.value.get(name) === text) this.#release(name);
		} catch (error) {
			this.#tell(name, messageOf(error));
		}
	}

	#check(name: ParameterName, text: string): Parameters | null {
		const parsed = withParameter(this.saved.value, name, text);
		this.#tell(name, "problem" in parsed ? parsed.problem : null);
		return "problem" in parsed ? null : parsed.value;
	}

	#tell(name: ParameterName, problem: string | null): void {
		if ((this.problems.value.get(name) ?? null) === problem) return;
		const problems = new Map(this.problems.value);
		if (problem === null) problems.delete(name);
		else problems.set(name, problem);
		this.problems.value = problems;
	}

	#release(name: ParameterName): void {
		const typed = new Map(this.typed.value);
		typed.delete(name);
		this.typed.value = typed;
	}
}
