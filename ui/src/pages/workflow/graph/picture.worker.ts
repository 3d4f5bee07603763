/** Draws and arranges beside the page, so that a large graph never holds it up, however often it changes. */
import { type Asked, Pictures } from "./picture";

const pictures = new Pictures();

addEventListener("message", ({ data }: MessageEvent<Asked>) => postMessage(pictures.answer(data)));
