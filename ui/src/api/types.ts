/** What the server sends, as far as the page reads it. Times are RFC 3339. */

export type Phase = "Pending" | "Running" | "Succeeded" | "Failed" | "Error" | "Skipped" | "Omitted" | "";

export interface Meta {
  name: string;
  generateName?: string;
  namespace?: string;
  uid?: string;
  creationTimestamp?: string;
  resourceVersion?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

export interface Stored {
  apiVersion?: string;
  kind?: string;
  metadata: Meta;
}

export interface Parameter {
  name: string;
  value?: string | number | boolean;
  default?: string | number | boolean;
  enum?: (string | number | boolean)[];
  description?: string;
  globalName?: string;
  valueFrom?: { supplied?: object; [from: string]: unknown };
}

export interface Artifact {
  name: string;
  path?: string;
  deleted?: boolean;
  [place: string]: unknown;
}

export interface Arguments {
  parameters?: Parameter[];
  artifacts?: Artifact[];
}

export interface Outputs extends Arguments {
  result?: string;
  exitCode?: string;
}

export interface NodeStatus {
  id: string;
  name: string;
  displayName?: string;
  type: string;
  phase?: Phase;
  boundaryID?: string;
  children?: string[];
  templateName?: string;
  templateRef?: { name?: string; template?: string };
  templateScope?: string;
  startedAt?: string | null;
  finishedAt?: string | null;
  estimatedDuration?: number;
  message?: string;
  progress?: string;
  daemoned?: boolean;
  hostNodeName?: string;
  podIP?: string;
  inputs?: Arguments;
  outputs?: Outputs;
  resourcesDuration?: Record<string, number>;
  memoizationStatus?: { hit: boolean; key: string; cacheName: string };
  synchronizationStatus?: { waiting?: string };
  nodeFlag?: { hooked?: boolean; retried?: boolean };
  failedPodRestarts?: number;
}

export interface Template {
  name?: string;
  container?: { name?: string; image?: string; command?: string[]; args?: string[] };
  script?: { name?: string; image?: string; source?: string };
  containerSet?: { containers?: { name: string; image?: string }[] };
  sidecars?: { name: string; image?: string }[];
  initContainers?: { name: string; image?: string }[];
  inputs?: Arguments;
  [kind: string]: unknown;
}

export interface WorkflowSpec {
  entrypoint?: string;
  arguments?: Arguments;
  templates?: Template[];
  workflowTemplateRef?: { name?: string; clusterScope?: boolean };
  suspend?: boolean;
  shutdown?: string;
  [field: string]: unknown;
}

export interface WorkflowStatus {
  phase?: Phase;
  startedAt?: string | null;
  finishedAt?: string | null;
  progress?: string;
  message?: string;
  estimatedDuration?: number;
  nodes?: Record<string, NodeStatus>;
  outputs?: Outputs;
  conditions?: { type: string; status?: string; message?: string }[];
  resourcesDuration?: Record<string, number>;
  storedTemplates?: Record<string, Template>;
  storedWorkflowTemplateSpec?: WorkflowSpec;
}

export interface Workflow extends Stored {
  spec: WorkflowSpec;
  status?: WorkflowStatus;
}

export interface List<T> {
  metadata: { resourceVersion?: string; continue?: string; remainingItemCount?: number };
  items: T[] | null;
}

export interface Change<T> {
  type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  object: T;
}
