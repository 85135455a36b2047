/** The page's entry: mounts it over the core of this process. */
import { mount } from "./app";
import { core } from "./ipc/host";

await mount(core, document);
