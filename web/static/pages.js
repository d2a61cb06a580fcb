// What the pages do better with JavaScript; each works without it.
import { watchDocuments } from "./documents.js";
import { keepLive } from "./live.js";
import { watchUploads } from "./upload.js";
import { watchRepetition } from "./repetition.js";

watchDocuments();
watchRepetition();
watchUploads();
keepLive();
document.querySelector("[data-focus]")?.focus();
document.querySelector("[data-select]")?.select();
