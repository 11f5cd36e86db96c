/**
 * The passes for nodes that hold graphs. Whoever records such a node brings them, so that a page without loops and branches does
 * without.
 */
import type { DType } from '../core/dtype.js';
import { InternalError } from '../core/errors.js';
import { type Expr, type Graph, nodesOf } from '../core/expr.js';
import type { BufferTable } from './buffer-table.js';
import type { ControlUnit } from './control-unit.js';
import type { Fused } from './fused.js';
import type { Scheduled } from './schedule.js';

/** What a machine loops over. */
export interface Loops {
  readonly name: string;
  /** Whether it loops and branches itself; or so, but for loops of unknown length and what is little work. */
  readonly loops: boolean | 'dispatched';
  readonly dtypes: readonly DType[];
  /** What has fewer elements costs less than a launch. */
  readonly small: number;
}

/** A graph that was fused and scheduled. */
export interface Compiled {
  readonly fused: Fused;
  readonly scheduled: Scheduled;
}

export interface ControlPasses {
  readonly joinScans: (graph: Graph) => Graph;
  readonly unroll: (graph: Graph, target: Loops) => Graph;
  readonly separateCarries: (graph: Graph) => Graph;
  readonly shareCarries: (roots: readonly Expr[], buffers: BufferTable) => void;
  /** The unit of a control node; `compile` fuses and schedules its bodies. */
  readonly controlUnit: (node: Expr, buffers: BufferTable, compile: (graph: Graph) => Compiled) => ControlUnit;
}

let brought: ControlPasses | undefined;
export const bringControl = (passes: ControlPasses): void => void (brought = passes);

export const isControl = ({ primitive }: Expr): boolean => primitive.control !== undefined;

/** The passes that the graph needs; undefined for one without control. */
export function controlPasses(graph: Graph): ControlPasses | undefined {
  if (!nodesOf(graph).some(isControl)) return undefined;
  if (brought === undefined) throw new InternalError('a graph holds graphs, and nobody brought what compiles them');
  return brought;
}
