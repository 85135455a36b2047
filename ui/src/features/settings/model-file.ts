/** The file of the built-in model, in words. */
import type { ModelFileInfo } from "../../ipc/bindings";
import { shortBytes } from "../../shared/format";

/** Says what the file is, or why it cannot be used; empty until it is read. */
export function modelFileFacts(file: ModelFileInfo | null): string {
	if (file === null) return "";
	if (file.type === "unusable") return file.message;
	const kind = file.isBase
		? ", base model: it continues your text and does not answer questions"
		: "";
	return `In use: ${file.name}, ${shortBytes(file.bytes)}${kind}.`;
}
