import { useQuery } from "@tanstack/react-query";
import { request } from "../../api/request";
import type { List, Workflow } from "../../api/types";

const AGAIN_AFTER = 3000;
const FIELDS = ["name", "namespace", "uid", "creationTimestamp"].map((one) => `items.metadata.${one}`);

/** What is asked for in the address: the workflow of a name, else the newest one with some labels. */
export function useLatest(namespace: string, search: URLSearchParams) {
  const name = search.get("name");
  const query = name
    ? { "listOptions.fieldSelector": `metadata.name=${name}` }
    : { "listOptions.labelSelector": search.get("label") ?? "" };
  const fields = ["metadata", ...FIELDS, "items.status.phase", "items.status.startedAt"].join(",");
  return useQuery({
    queryKey: ["latest", namespace, query],
    queryFn: async ({ signal }) => {
      const found = await request<List<Workflow>>("GET", `api/v1/workflows/${namespace}`, {
        query: { ...query, "listOptions.limit": 500, fields },
        signal,
      });
      return newest(found.items ?? []) ?? null;
    },
    refetchInterval: AGAIN_AFTER,
  });
}

const made = ({ metadata }: Workflow) => metadata.creationTimestamp ?? "";

export function newest(found: readonly Workflow[]): Workflow | undefined {
  return found.reduce<Workflow | undefined>((best, one) => (best && made(best) >= made(one) ? best : one), undefined);
}
