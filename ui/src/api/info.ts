/** What whoever runs the server wants the page to show: links, columns, a colour, questions to people. */
import { useQuery } from "@tanstack/react-query";
import { request } from "./request";

export interface OwnLink {
  name: string;
  /** Where it is shown: `workflow`, `workflow-list`, `pod`, `pod-logs`, `event-source-logs`, `sensor-logs`, `chat`. */
  scope: string;
  url: string;
  target?: string;
}

export interface OwnColumn {
  name: string;
  type: string;
  key: string;
}

export interface Info {
  managedNamespace?: string;
  links?: OwnLink[];
  columns?: OwnColumn[];
  navColor?: string;
  modals?: { feedback?: boolean; firstTimeUser?: boolean; newVersion?: boolean };
}

const NOTHING: Info = {};

/** Empty until it is known, and where the server does not say. */
export function useInfo(): Info {
  const found = useQuery({
    queryKey: ["info"],
    queryFn: ({ signal }) => request<Info>("GET", "api/v1/info", { signal }),
    staleTime: 300_000,
    refetchOnWindowFocus: false,
  });
  return found.data ?? NOTHING;
}

export interface Version {
  version?: string;
  platform?: string;
  goVersion?: string;
}

export function useVersion(): Version | undefined {
  return useQuery({
    queryKey: ["version"],
    queryFn: ({ signal }) => request<Version>("GET", "api/v1/version", { signal }),
    staleTime: 300_000,
  }).data;
}
