/** An answer in a lit-html template. */
import { Directive, directive } from "lit-html/directive.js";
import type { Block } from "../ipc/bindings";
import { element } from "./element";
import type { MarkdownServices } from "./services";
import { MarkdownView } from "./view";

/** Whether more is to come, which a caret says. */
export type Progress = "writing" | "written";

class Markdown extends Directive {
	readonly #host = element("div");
	#view: MarkdownView | undefined;
	#blocks: readonly Block[] | undefined;
	#progress: Progress = "written";

	override render(
		blocks: readonly Block[],
		services: MarkdownServices,
		progress: Progress,
	): HTMLElement {
		this.#view ??= new MarkdownView(this.#host, services);
		if (progress !== this.#progress) this.#host.classList.toggle("writing");
		this.#progress = progress;
		if (blocks !== this.#blocks) this.#view.show(blocks);
		this.#blocks = blocks;
		return this.#host;
	}
}

/** Shows the blocks; those that are the same objects as before cost nothing. */
export const markdown = directive(Markdown);
