/** Suspended nodes that wait for values. Pure but for the two requests. */
import type { Meta, NodeStatus, Parameter } from "../../../api/types";
import { act } from "../../../api/workflows";
import type { Nodes } from "../nodes";

export const isSuspended = ({ type, phase }: NodeStatus) => type === "Suspend" && phase === "Running";

export const suspended = (nodes: Nodes) => Object.values(nodes).filter(isSuspended);

/** The parameters that somebody must supply; choices and description are written at the inputs of the node too. */
export function wanted(node: NodeStatus): Parameter[] {
  const inputs = new Map((node.inputs?.parameters ?? []).map((one) => [one.name, one]));
  return (node.outputs?.parameters ?? [])
    .filter(({ valueFrom, value }) => valueFrom?.supplied !== undefined && value === undefined)
    .map((one) => ({ ...inputs.get(one.name), ...one }));
}

/** Sets what was supplied, then lets the node go on. */
export async function resumeWith(
  meta: Meta,
  node: NodeStatus,
  values: Readonly<Record<string, string>>,
): Promise<void> {
  const nodeFieldSelector = `id=${node.id}`;
  if (wanted(node).length) await act("set", meta, { nodeFieldSelector, outputParameters: JSON.stringify(values) });
  await act("resume", meta, { nodeFieldSelector });
}
