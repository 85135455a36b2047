/** A lit-html directive that renders an answer. */
import { Directive, directive } from "lit-html/directive.js";
import type { Block } from "../ipc/bindings";
import { element } from "./element";
import type { MarkdownServices } from "./services";
import { MarkdownView, type Progress } from "./view";

class Markdown extends Directive {
	readonly #host = element("div");
	#view: MarkdownView | undefined;

	override render(
		blocks: readonly Block[],
		services: MarkdownServices,
		progress: Progress,
	): HTMLElement {
		this.#view ??= new MarkdownView(this.#host, services);
		this.#view.show(blocks, progress);
		return this.#host;
	}
}

/** Renders the blocks; those identical to the previous objects cost nothing. */
export const markdown = directive(Markdown);
