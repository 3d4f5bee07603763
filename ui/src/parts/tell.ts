/** Short messages about what was done, for everybody who has something to say. */

export interface Notice {
  id: number;
  text: string;
  isFailure: boolean;
}

const SHOWN_FOR = 6000;
let notices: readonly Notice[] = [];
let count = 0;
const listeners = new Set<() => void>();

function change(next: readonly Notice[]): void {
  notices = next;
  for (const listener of listeners) listener();
}

export function tell(text: string, isFailure = false): void {
  const id = ++count;
  change([...notices.slice(-4), { id, text, isFailure }]);
  // a failure stays until it is read
  if (!isFailure) setTimeout(() => dismiss(id), SHOWN_FOR);
}

export function dismiss(id: number): void {
  change(notices.filter((one) => one.id !== id));
}

export const current = () => notices;

export function listen(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
