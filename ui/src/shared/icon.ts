/** Icons from the page's own sprite. They are decorative: a label carries the meaning. */
import { svg, type TemplateResult } from "lit-html";

export function icon(name: string): TemplateResult {
	return svg`<svg class="icon" aria-hidden="true"><use href=${`#icon-${name}`}></use></svg>` as TemplateResult;
}
