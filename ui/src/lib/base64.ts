/** A file's bytes as text, by the platform's own code: off the page's thread, and without a loop over them. */
export function readBase64(file: Blob): Promise<string> {
	return new Promise((resolve, reject) => {
		const reader = new FileReader();
		reader.addEventListener("load", () => {
			const url = String(reader.result);
			resolve(url.slice(url.indexOf(",") + 1));
		});
		reader.addEventListener("error", () => reject(reader.error));
		reader.readAsDataURL(file);
	});
}
