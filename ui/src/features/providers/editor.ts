/**
 * A provider that is being added or edited. Its key is here only while it is typed: a saved key never comes back
 * to the page. If the keychain cannot store it, the user chooses another place; none is chosen automatically.
 */
import { batch, computed, signal } from "@preact/signals-core";
import type {
	Consent,
	ConsentQuestion,
	KeyChange,
	Preset,
	ProviderForm,
	ProviderInfo,
} from "../../ipc/bindings";
import { hasCode, messageOf } from "../../ipc/errors";
import type { Commands } from "../../ipc/host";
import { type ParseResult, parseWhole } from "../../shared/parse";
import {
	DEFAULT_PARALLEL,
	parseAddress,
	parseKey,
	parseName,
	parseParallel,
	sameAddress,
	testResult,
} from "./texts";

/** What happens to the existing key. */
export type KeyChoice = "keep" | "set" | "remove";

/** Where a new key is stored. */
export type NewKeyPlace = Extract<KeyChange, { type: "set" }>["place"];

/** The fields, in order. */
export type ProviderField = "name" | "baseUrl" | "key" | "maxParallel";

export type EditorCommands = Pick<
	Commands,
	"testProvider" | "saveProvider" | "saveEnvironmentConsent"
>;

export class ProviderEditor {
	readonly preset: Preset;
	/** The saved provider; null for a new one. */
	readonly known: ProviderInfo | null;
	readonly texts = signal<Readonly<Record<ProviderField, string>>>({
		name: "",
		baseUrl: "",
		key: "",
		maxParallel: String(DEFAULT_PARALLEL),
	});
	readonly keyChoice = signal<KeyChoice>("set");
	readonly keyShown = signal(false);
	/** Validation errors, by field. */
	readonly problems = signal<ReadonlyMap<ProviderField, string>>(new Map());
	/** Why it could not be saved. */
	readonly problem = signal<string | null>(null);
	/** Why the keychain did not store the key; the user has to choose another place. */
	readonly keychainProblem = signal<string | null>(null);
	readonly saving = signal(false);
	readonly testing = signal(false);
	/** Result of the last connection test. */
	readonly tested = signal<{ readonly text: string; readonly worked: boolean } | null>(null);
	/** What the user may allow, so that the server is reached. */
	readonly question = signal<ConsentQuestion | null>(null);
	/** What the user allowed. */
	readonly consent = signal<Consent | null>(null);
	/** It was opened by a pasted key or address, so that it is saved when the connection works. */
	readonly isPasted = signal(false);
	/** The environment determines all but what the user allows. */
	readonly isFixed: boolean;
	/** A new key can be typed. */
	readonly takesKey = computed(() => this.keyChoice.value === "set");
	#tests = 0;
	readonly #commands: EditorCommands;

	constructor(commands: EditorCommands, preset: Preset, known: ProviderInfo | null) {
		this.#commands = commands;
		this.preset = preset;
		this.known = known;
		this.isFixed = known?.source === "environment";
		this.texts.value = {
			name: known?.name ?? (preset.id === "custom" ? "" : preset.name),
			baseUrl: known?.baseUrl ?? preset.baseUrl,
			key: "",
			maxParallel: String(known?.maxParallel ?? DEFAULT_PARALLEL),
		};
		this.consent.value = known?.consent ?? null;
		if (known?.hasKey) this.keyChoice.value = "keep";
	}

	type(field: ProviderField, text: string): void {
		batch(() => {
			this.texts.value = { ...this.texts.value, [field]: text };
			this.#changed();
			// An error is shown when the user leaves the field, and cleared immediately.
			if (this.problems.value.has(field)) this.check(field);
		});
	}

	chooseKey(choice: KeyChoice): void {
		batch(() => {
			this.keyChoice.value = choice;
			this.#changed();
			this.#setProblem("key", null);
		});
	}

	/** Discards the results for the previous values. */
	#changed(): void {
		this.#tests += 1;
		this.testing.value = false;
		this.tested.value = null;
		this.question.value = null;
		this.problem.value = null;
		this.keychainProblem.value = null;
		this.isPasted.value = false;
	}

	/** Fills in what was pasted in the place of a search. */
	paste(texts: Partial<Record<ProviderField, string>>): void {
		batch(() => {
			this.texts.value = { ...this.texts.value, ...texts };
			this.isPasted.value = true;
		});
	}

	/** Allows what the last test asked for. */
	allow(): void {
		const question = this.question.value;
		if (question === null) return;
		batch(() => {
			this.consent.value = question.consent;
			this.question.value = null;
		});
	}

	/** Takes back what the user allowed. */
	withdraw(): void {
		batch(() => {
			this.consent.value = null;
			this.#changed();
		});
	}

	/** Validates a field that the user leaves, unless it is still empty. */
	leave(field: ProviderField): void {
		if (this.texts.value[field].trim() !== "") this.check(field);
	}

	/** Validates a field and shows its error. Returns whether it is valid. */
	check(field: ProviderField): boolean {
		const parsed = this.#parse(field);
		this.#setProblem(field, "problem" in parsed ? parsed.problem : null);
		return !("problem" in parsed);
	}

	/** Tests the connection with the typed values. Nothing is saved. */
	async test(): Promise<void> {
		const form = this.#form("session");
		if (form === null || this.testing.value) return;
		this.#tests += 1;
		const asked = this.#tests;
		this.tested.value = null;
		this.question.value = null;
		this.testing.value = true;
		let result: { text: string; worked: boolean };
		let foundAt: string | null = null;
		let question: ConsentQuestion | null = null;
		try {
			const test = await this.#commands.testProvider(form);
			({ foundAt, question } = test);
			result = { text: testResult(test), worked: test.problem === null };
		} catch (error) {
			result = { text: messageOf(error), worked: false };
		}
		if (asked !== this.#tests) return;
		batch(() => {
			this.testing.value = false;
			this.tested.value = result;
			this.question.value = question;
			// What worked is what Save stores.
			if (foundAt !== null) this.texts.value = { ...this.texts.value, baseUrl: foundAt };
		});
	}

	/** Saves the provider, with a new key in `place`. Resolves to null if it is not saved; the page shows why. */
	async save(place: NewKeyPlace): Promise<ProviderInfo | null> {
		const form = this.#form(place);
		if (form === null || this.saving.value) return null;
		this.saving.value = true;
		this.problem.value = null;
		this.keychainProblem.value = null;
		try {
			if (this.known === null || !this.isFixed) return await this.#commands.saveProvider(form);
			await this.#commands.saveEnvironmentConsent(this.known.id, form.consent);
			return { ...this.known, consent: form.consent };
		} catch (error) {
			const isKeychain = hasCode(error, "keychain_unavailable");
			(isKeychain ? this.keychainProblem : this.problem).value = messageOf(error);
			return null;
		} finally {
			this.saving.value = false;
		}
	}

	/** Returns the values of the fields; null if one of them is invalid. */
	#form(place: NewKeyPlace): ProviderForm | null {
		const fields = Object.keys(this.texts.value) as ProviderField[];
		const wrong = fields.filter((field) => !this.check(field));
		if (wrong.length > 0 && !this.isFixed) return null;
		const { name, baseUrl, maxParallel } = this.texts.value;
		return {
			id: this.known?.id ?? null,
			preset: this.preset.id,
			name: name.trim(),
			baseUrl: baseUrl.trim(),
			maxParallel: parseWhole(maxParallel) ?? DEFAULT_PARALLEL,
			key: this.#keyChange(place),
			consent: this.consent.value,
		};
	}

	#keyChange(place: NewKeyPlace): KeyChange {
		const key = this.texts.value.key.trim();
		if (this.keyChoice.value === "remove") return { type: "remove" };
		return this.takesKey.value && key !== "" ? { type: "set", key, place } : { type: "keep" };
	}

	#parse(field: ProviderField): ParseResult<unknown> {
		const text = this.texts.value[field];
		if (field === "name") return parseName(text);
		if (field === "baseUrl") return parseAddress(text);
		if (field === "maxParallel") return parseParallel(text);
		return this.takesKey.value ? parseKey(text, this.#needsKey()) : { value: "" };
	}

	/** Returns whether a key is required: to replace another, and for the preset's own server. */
	#needsKey(): boolean {
		const isReplaced = this.known?.hasKey === true;
		return (
			isReplaced ||
			(this.preset.needsKey && sameAddress(this.texts.value.baseUrl, this.preset.baseUrl))
		);
	}

	#setProblem(field: ProviderField, problem: string | null): void {
		const problems = new Map(this.problems.value);
		if (problem === null) problems.delete(field);
		else problems.set(field, problem);
		this.problems.value = problems;
	}
}
