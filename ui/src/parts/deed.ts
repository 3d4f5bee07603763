/** Do something for somebody who looks on: what became of it is told, and a failure in the server's words. */
import { tell } from "./tell";

export async function deed<T>(work: Promise<T>, done: string): Promise<T | undefined> {
  try {
    const made = await work;
    tell(done);
    return made;
  } catch (e) {
    tell(e instanceof Error ? e.message : String(e), true);
    return undefined;
  }
}
