/** Encodes a file as base64 with `FileReader`: off the main thread, and without a loop over the bytes. */
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
