/** A drawing with its arrangement, made anew from what has changed. Runs in a worker; pure but for what it remembers. */
import type { NodeStatus } from "../../../api/types";
import type { Nodes } from "../nodes";
import { type Arrangement, arrange, type Direction } from "./arrange";
import { type Drawing, draw, type Opened } from "./model";

export interface Asked {
  /** Nodes that came or are others than at the question before. */
  changed: NodeStatus[];
  removed: string[];
  opened: Opened;
  direction: Direction;
}

/** What is as it was is left out: nothing is drawn anew then. */
export interface Picture {
  drawing?: Drawing;
  arrangement?: Arrangement;
}

export class Pictures {
  private readonly nodes = new Map<string, NodeStatus>();
  private drawn = "";
  private shape = "";

  answer({ changed, removed, opened, direction }: Asked): Picture {
    for (const id of removed) this.nodes.delete(id);
    for (const node of changed) this.nodes.set(node.id, node);
    const drawing = draw(Object.fromEntries(this.nodes), opened);
    const ids = drawing.vertices.map(({ id }) => id);
    const shape = JSON.stringify([ids, drawing.edges, direction]);
    const drawn = JSON.stringify(drawing);
    const isDrawn = this.drawn === drawn;
    const isArranged = this.shape === shape;
    [this.drawn, this.shape] = [drawn, shape];
    return {
      ...(!isDrawn && { drawing }),
      ...(!isArranged && { arrangement: arrange({ vertices: ids, edges: drawing.edges, direction }) }),
    };
  }
}

/** What to tell of nodes to who knows others; a node that has not changed is the same object in both. */
export function told(before: Nodes, after: Nodes): Pick<Asked, "changed" | "removed"> {
  const changed = Object.values(after).filter((node) => before[node.id] !== node);
  return { changed, removed: Object.keys(before).filter((id) => !(id in after)) };
}
