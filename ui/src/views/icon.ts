/** Icons from the page's own sprite. They carry no meaning of their own: a label says it. */
import { svg, type TemplateResult } from "lit-html";

export function icon(name: string): TemplateResult {
	return svg`<svg class="icon" aria-hidden="true"><use href=${`#icon-${name}`}></use></svg>` as TemplateResult;
}
