/** Arranges beside the page, so that a large graph never holds it up. */
import { arrange, type Question } from "./arrange";

addEventListener("message", ({ data }: MessageEvent<Question>) => postMessage(arrange(data)));
