/**
 * Fields for editing parameters: each is saved separately and soon, and invalid text stays in its field until it
 * is valid.
 */
import { type ReadonlySignal, signal } from "@preact/signals-core";
import type { Parameters } from "../../ipc/bindings";
import { messageOf } from "../../ipc/errors";
import { Debouncer } from "../../shared/time";
import { PARAMETER_NAMES, type ParameterName, parameterText, withParameter } from "./parameters";

export class ParameterFields {
	/** Text that was typed and is not saved yet. */
	readonly typed = signal<ReadonlyMap<ParameterName, string>>(new Map());
	/** Validation errors, by field. */
	readonly problems = signal<ReadonlyMap<ParameterName, string>>(new Map());
	readonly saved: ReadonlySignal<Parameters>;
	readonly #save: (parameters: Parameters) => Promise<void>;
	readonly #debouncer = new Debouncer<ParameterName>((name) => void this.#commit(name, false));
	#last: Promise<void> = Promise.resolve();

	/** `save` rejects if the core does; `saved` has the parameters when it resolves. */
	constructor(saved: ReadonlySignal<Parameters>, save: (parameters: Parameters) => Promise<void>) {
		this.saved = saved;
		this.#save = save;
	}

	text(name: ParameterName): string {
		return this.typed.value.get(name) ?? parameterText(name, this.saved.value);
	}

	/** Sets the text of a field, and saves it when the typing pauses. */
	type(name: ParameterName, text: string): void {
		this.typed.value = new Map(this.typed.value).set(name, text);
		// An error is shown when the typing pauses, and cleared immediately.
		if (this.problems.value.has(name)) this.#check(name, text);
		this.#debouncer.call(name);
	}

	/** Saves a field now, because the user leaves it. */
	leave(name: ParameterName): Promise<void> {
		this.#debouncer.cancel(name);
		return this.#commit(name, true);
	}

	/** Leaves every field. Resolves to whether all of them are saved. */
	async leaveAll(): Promise<boolean> {
		await Promise.all(PARAMETER_NAMES.map((name) => this.leave(name)));
		return this.problems.value.size === 0;
	}

	/** Empties every field. */
	async clear(): Promise<void> {
		this.typed.value = new Map(PARAMETER_NAMES.map((name) => [name, ""]));
		await this.leaveAll();
	}

	/** Commits sequentially: each adds one parameter to what the previous one has saved. */
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
			// While the user is in the field, it keeps the typed text: 0.70 does not become 0.7.
			if (leaving && this.typed.value.get(name) === text) this.#release(name);
		} catch (error) {
			this.#setProblem(name, messageOf(error));
		}
	}

	#check(name: ParameterName, text: string): Parameters | null {
		const parsed = withParameter(this.saved.value, name, text);
		this.#setProblem(name, "problem" in parsed ? parsed.problem : null);
		return "problem" in parsed ? null : parsed.value;
	}

	#setProblem(name: ParameterName, problem: string | null): void {
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
