/** What the navigation offers: a new page is one line here and one in routes.tsx. */

export interface Place {
  to: string;
  label: string;
  /** One letter that goes there after `g`. */
  key: string;
}

export const PLACES: Place[] = [{ to: "/workflows", label: "Workflows", key: "w" }];
