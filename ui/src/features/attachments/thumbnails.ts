/** Thumbnails of attached images, loaded when they come near the viewport. */

/** Maximum number cached: each may have a few megabytes. */
const MAX_CACHED = 60;

export class Thumbnails {
	readonly #load: (id: string) => Promise<string>;
	readonly #known = new Map<string, Promise<string>>();
	readonly #observer: IntersectionObserver;

	constructor(load: (id: string) => Promise<string>) {
		this.#load = load;
		const near = { rootMargin: "400px" };
		this.#observer = new IntersectionObserver((entries) => {
			for (const { isIntersecting, target } of entries) {
				if (!isIntersecting) continue;
				this.#observer.unobserve(target);
				void this.#show(target as HTMLImageElement);
			}
		}, near);
	}

	/** Loads the thumbnail of an image with `data-attachment` when it comes near the viewport. For `ref`. */
	readonly fill = (image: Element | undefined): void => {
		if (image instanceof HTMLImageElement && image.src === "") this.#observer.observe(image);
	};

	async #show(image: HTMLImageElement): Promise<void> {
		const id = image.dataset.attachment ?? "";
		try {
			image.src = await this.#of(id);
		} catch {
			// Its label is shown without it.
			this.#known.delete(id);
		}
	}

	#of(id: string): Promise<string> {
		const known = this.#known.get(id);
		if (known !== undefined) return known;
		const loading = this.#load(id);
		this.#known.set(id, loading);
		const [oldest] = this.#known.keys();
		if (this.#known.size > MAX_CACHED && oldest !== undefined) this.#known.delete(oldest);
		return loading;
	}
}
