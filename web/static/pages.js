// What the pages do better with JavaScript; each works without it.
import { watchDocuments } from "./documents.js";
import { keepLive } from "./live.js";

watchDocuments();
keepLive();
document.querySelector("[data-focus]")?.focus();
