/**
 * Why fusion ended where it did: for each value that passes from one kernel to another through memory, the rule that kept
 * its reader out of the cluster that computes it. Asks the finished clusters the questions that `cluster.ts` asked while it
 * made them. For reports; nothing that compiles loads it.
 */
import { sizeOf } from '../core/aval.js';
import { type Expr, operation } from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import { type Cluster, readsOf } from './cluster.js';
import { controlPasses } from './control-passes.js';
import { clusterGraph, fuse } from './fuse.js';
import type { BufferId } from './kernel.js';
import type { FusionLimits } from './limits.js';
import { reaches } from './precedence.js';
import { isParameter } from '../ops/leaf.js';
import { storageOf, weightOf } from './roots.js';

export const BOUNDARY_RULES = [
  'operand',
  'indirect',
  'own-loops',
  'whole',
  'readers',
  'result',
  'one-epilogue',
  'elsewhere',
  'space',
  'body',
  'detour',
  'wait',
  'other',
] as const;
export type BoundaryRule = (typeof BOUNDARY_RULES)[number];

export interface Boundary {
  /** The buffer through which the value goes. */
  readonly buffer: BufferId;
  /** Nodes of the fused graph: what is stored, and the root that reads it. */
  readonly stored: Expr;
  readonly reader: Expr;
  readonly rule: BoundaryRule;
  /** A sentence for people. */
  readonly why: string;
}

const list = (shape: readonly number[]): string => `[${shape.join(', ')}]`;
/** What users call it: of the traced node that it stands for. */
const nameOf = (node: Expr): string => operation(node.origin?.node ?? node);

/** The index space over which a root is computed. */
const spaceOf = (root: Expr): readonly number[] =>
  root.primitive.kind === 'reduction' ? root.input().shape : root.shape;

/** Each value between two kernels with the reason why both are not one, in the order of the graph. */
export function boundariesOf(graph: Graph, limits: FusionLimits): Boundary[] {
  const { roots, clustering } = clusterGraph(graph, limits);
  const { bufferOf } = fuse(graph, limits, controlPasses(graph));
  const outputs = new Set(graph.outputs.map(storageOf));
  const reads = new Map(roots.roots.map((root) => [root, readsOf(root, roots).roots]));
  const readers = new Map<Expr, Expr[]>();
  for (const [root, read] of reads)
    for (const each of read.keys()) readers.set(each, [...(readers.get(each) ?? []), root]);

  const weigh = (cluster: Cluster, root: Expr): number => {
    let weight = 0;
    for (const node of new Set([...cluster.nodes, ...roots.regionOf(root)])) weight += weightOf(node);
    return weight;
  };

  const ruleOf = (stored: Expr, reader: Expr, pointwise: boolean): [BoundaryRule, string] => {
    const from = clustering.of.get(stored)!;
    const to = clustering.of.get(reader)!;
    const name = nameOf(stored);
    if (reader.primitive.kind === 'contraction')
      return [
        'operand',
        `A ${nameOf(reader)} reads each element of its operands many times: ${name} is computed once and kept in memory.`,
      ];
    if (readsIndirectly(reader, stored, (node) => roots.isRoot(node)))
      return ['indirect', `${name} is read at places that are known only when the program runs.`];
    for (const [cluster, node] of [[from, stored] as const, [to, reader] as const])
      if (['scan', 'sort', 'scatter', 'concat'].includes(cluster.kind))
        return ['own-loops', `${nameOf(node)} runs in loops of its own, in which nothing else is computed.`];
    if (from.reductions.includes(stored) || from.outer.includes(stored)) {
      if (!pointwise || stored.shape.join() !== reader.shape.join() || reader.primitive.kind === 'reduction')
        return [
          'whole',
          `${nameOf(reader)} over ${list(spaceOf(reader))} needs the finished ${name}: its last term comes after the loop that reads the first.`,
        ];
    }
    if (from.kind === 'contraction') {
      const product = nameOf(from.reductions[0]!);
      const others = readers.get(stored)!.length;
      if (from.outer.some((each) => each !== reader))
        return [
          'one-epilogue',
          `One computation at most follows a ${product} in its kernel, and there is one already.`,
        ];
      if (others > 1)
        return ['readers', `${others} computations read ${name}; only a single reader becomes its epilogue.`];
      if (outputs.has(stored)) return ['result', `${name} is a result, so it is in memory anyway.`];
    }
    if (!pointwise)
      return ['elsewhere', `${nameOf(reader)} reads ${name} at other elements than the one that it computes.`];
    const space = spaceOf(reader);
    const inEpilogue = from.reductions.includes(stored) || from.outer.includes(stored);
    if (!inEpilogue && from.shape.join() !== space.join())
      return [
        'space',
        `The loops around ${name} run over ${list(from.shape)}, those of its reader over ${list(space)}.`,
      ];
    const finished = [...reads.get(reader)!.keys()].find(
      (read) => !inEpilogue && read !== stored && clustering.of.get(read) === from && !from.inner.includes(read),
    );
    if (finished !== undefined)
      return ['whole', `${nameOf(reader)} also needs the finished ${nameOf(finished)}, which the same loops compute.`];
    if (from.kind === 'reduce' && to.kind === 'reduce' && from.axes.join() !== to.axes.join())
      return ['space', `Both reduce ${list(space)}, along axes ${list(from.axes)} and ${list(to.axes)}.`];
    if (weigh(from, reader) > limits.body)
      return ['body', `Together their bodies would have more than ${limits.body} operations.`];
    const detour = [...reads.get(reader)!.keys()].find((read) => {
      const needed = clustering.of.get(read)!;
      return needed !== from && reaches(needed, from);
    });
    if (detour !== undefined)
      return ['detour', `${nameOf(reader)} also needs ${nameOf(detour)}, which another kernel computes from this one.`];
    if (inEpilogue || sizeOf(from.shape) <= limits.small)
      return [
        'wait',
        `Together they would make others wait, and so take one launch more; there is too little work to make up for it.`,
      ];
    return ['other', `${nameOf(reader)} joined another kernel, with which it has values in common too.`];
  };

  return [...reads].flatMap(([reader, read]) =>
    [...read].flatMap(([stored, pointwise]): Boundary[] => {
      if (isParameter(stored) || clustering.of.get(stored) === clustering.of.get(reader)) return [];
      const [rule, why] = ruleOf(stored, reader, pointwise);
      return [{ buffer: bufferOf(stored), stored, reader, rule, why }];
    }),
  );
}

/** Whether `root` reads `stored` through a gather, or a window that moves. */
function readsIndirectly(root: Expr, stored: Expr, isRoot: (node: Expr) => boolean): boolean {
  const stack = [root];
  const seen = new Set(stack);
  while (stack.length > 0) {
    const node = stack.pop()!;
    const { kind } = node.primitive;
    const at = kind === 'gather' || kind === 'window' ? 0 : kind === 'update' ? 1 : -1;
    if (at >= 0 && storageOf(node.input(at)) === stored) return true;
    for (const input of node.inputs)
      if (!seen.has(input) && !isRoot(storageOf(input))) {
        seen.add(input);
        stack.push(input);
      }
  }
  return false;
}
