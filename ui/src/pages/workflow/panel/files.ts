/** Where artifacts are fetched from, and which are shown in the page. Pure. */
import type { Artifact, Workflow } from "../../../api/types";
import { archiving } from "../../../api/workflows";

export type Side = "inputs" | "outputs";
export type Kind = "text" | "image" | "other";

export function pathOf({ metadata }: Workflow, node: string, side: Side, name: string): string {
  const isArchived = archiving(metadata) === "Persisted";
  const place = isArchived ? `archived-workflows/${metadata.uid}` : `workflows/${metadata.name}`;
  return `artifact-files/${metadata.namespace}/${place}/${node}/${side}/${encodeURIComponent(name)}`;
}

/** What is shown of an answer: by its type, and by its name where the type says nothing. */
export function kindOf(type: string, name: string): Kind {
  if (/^image\/(png|jpeg|gif|webp|svg\+xml|avif)/.test(type) || /\.(png|jpe?g|gif|webp|avif)$/i.test(name))
    return "image";
  if (
    /^text\/|json|yaml|xml|csv|javascript/.test(type) ||
    /\.(txt|log|csv|tsv|json|ya?ml|md|xml|ini|toml|py|sh)$/i.test(name)
  )
    return "text";
  return "other";
}

const STORES = ["s3", "gcs", "azure", "oss", "http", "hdfs", "artifactory", "git", "raw"];

/** In which store an artifact is, and under which key. */
export function placeOf(artifact: Artifact): string {
  const store = STORES.find((one) => artifact[one] !== undefined);
  if (!store) return "";
  const said = artifact[store] as { key?: string; blob?: string; url?: string; repo?: string };
  return `${store} ${said.key ?? said.blob ?? said.url ?? said.repo ?? ""}`.trim();
}

/** The name that a saved artifact gets. */
export const fileName = (artifact: Artifact) => placeOf(artifact).split("/").at(-1)?.split(" ").at(-1) || artifact.name;
