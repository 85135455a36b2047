/** Display names of programming languages. */

/** Each name with its aliases in code fences; its lower-case form is an alias, too. */
const NAMES = [
	["Bash"],
	["C", "h"],
	["C++", "cpp", "cc", "cxx", "hpp"],
	["C#", "cs", "csharp"],
	["CSS"],
	["CSV"],
	["Dart"],
	["Diff", "patch"],
	["Dockerfile", "docker"],
	["Elixir", "ex", "exs"],
	["Go", "golang"],
	["GraphQL", "gql"],
	["Haskell", "hs"],
	["HTML", "htm"],
	["HTTP"],
	["INI", "cfg", "conf"],
	["Java"],
	["JavaScript", "js", "mjs", "cjs", "node"],
	["JSON", "json5", "jsonc", "jsonl"],
	["JSX"],
	["Kotlin", "kt", "kts"],
	["LaTeX", "tex"],
	["Lua"],
	["Makefile", "make"],
	["Markdown", "md"],
	["Nix"],
	["PHP"],
	["PowerShell", "ps1", "pwsh"],
	["Python", "py", "python3"],
	["R"],
	["Ruby", "rb"],
	["Rust", "rs"],
	["Scala"],
	["SCSS", "sass"],
	["Shell", "sh", "zsh", "fish", "console", "shell-session", "shellscript"],
	["SQL", "mysql", "postgresql", "sqlite"],
	["Swift"],
	["Text", "txt", "plain", "plaintext"],
	["TOML"],
	["TSX"],
	["TypeScript", "ts", "mts", "cts"],
	["Vue"],
	["XML", "svg"],
	["YAML", "yml"],
	["Zig"],
] as const;

const BY_WORD = new Map<string, string>(
	NAMES.flatMap(([name, ...others]) =>
		[name.toLowerCase(), ...others].map((word) => [word, name] as const),
	),
);

/** Returns the display name for the info string of a code fence; unknown words are returned unchanged. */
export function languageName(word: string | null): string {
	if (word === null || word === "") return "Code";
	// The rest is for tools, as in rust,ignore.
	const known = BY_WORD.get(word.replace(/[,:{].*$/, "").toLowerCase());
	return known ?? word;
}
