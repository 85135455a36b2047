/** The names of programming languages as people write them. */

/** Each with its other names as fences have them; its own in small letters is one, too. */
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

/** A name for the word after a fence: the word itself when it is not known. */
export function languageName(word: string | null): string {
	if (word === null || word === "") return "Code";
	// What follows is for a tool, as in rust,ignore.
	const known = BY_WORD.get(word.replace(/[,:{].*$/, "").toLowerCase());
	return known ?? word;
}
