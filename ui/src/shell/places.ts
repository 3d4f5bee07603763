/** What the navigation offers: a new page is one line here and one in routes.tsx. */

export interface Place {
  to: string;
  label: string;
  /** One letter that goes there after `g`. */
  key: string;
}

export const PLACES: Place[] = [
  { to: "/workflows", label: "Workflows", key: "w" },
  { to: "/templates", label: "Templates", key: "t" },
  { to: "/cluster-templates", label: "Cluster templates", key: "c" },
  { to: "/cron", label: "Cron", key: "s" },
  { to: "/archive", label: "Archive", key: "a" },
  { to: "/reports", label: "Reports", key: "r" },
  { to: "/events", label: "Events", key: "e" },
  { to: "/plugins", label: "Plugins", key: "p" },
  { to: "/api-docs", label: "API", key: "i" },
  { to: "/user", label: "User", key: "u" },
];
