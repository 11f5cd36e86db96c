/** Bodies of segments as lists: what their nodes and stores read, dead nodes, depths. */
import { lookUp } from '../core/maps.js';
import type { BareNode, IndirectTerm, ScalarNode, Store } from './kernel.js';

/** What an access reads besides memory. */
interface Conditions {
  readonly guard?: number;
  readonly indirect?: IndirectTerm;
}

const conditionsOf = ({ guard, indirect }: Conditions): number[] =>
  [guard, indirect?.node].filter((node) => node !== undefined);

/** Nodes that a node reads. */
export const inputsOf = (node: BareNode): readonly number[] =>
  node.kind === 'op' ? node.inputs : node.kind === 'load' ? conditionsOf(node) : [];

/** Nodes that a store reads. */
export const storeInputs = (store: Store): readonly number[] => [store.node, ...conditionsOf(store)];

const renumbered = ({ guard, indirect }: Conditions, number: (node: number) => number): Conditions => ({
  ...(guard === undefined ? {} : { guard: number(guard) }),
  ...(indirect === undefined ? {} : { indirect: { ...indirect, node: number(indirect.node) } }),
});

/** The store with its nodes numbered anew. */
export const renumberedStore = (store: Store, number: (node: number) => number): Store => ({
  ...store,
  ...renumbered(store, number),
  node: number(store.node),
});

/** The nodes that `needed` depend on, the number of each among them, and which of the old ones are `kept`. */
export function withoutDead<N extends BareNode>(
  body: readonly N[],
  needed: readonly number[],
): { readonly body: N[]; readonly number: (node: number) => number; readonly kept: readonly number[] } {
  const alive = new Set<number>();
  const stack = [...needed];
  while (stack.length > 0) {
    const node = stack.pop()!;
    if (alive.has(node)) continue;
    alive.add(node);
    stack.push(...inputsOf(body[node]!));
  }
  if (alive.size === body.length) return { body: [...body], number: (node) => node, kept: body.map((_, i) => i) };
  const numbers = new Map<number, number>();
  const number = (node: number): number => lookUp(numbers, node);
  const out: N[] = [];
  body.forEach((node, i) => {
    if (!alive.has(i)) return;
    numbers.set(i, out.length);
    if (node.kind === 'op') out.push({ ...node, inputs: node.inputs.map(number) });
    else if (node.kind === 'load') out.push({ ...node, ...renumbered(node, number) });
    else out.push(node);
  });
  return { body: out, number, kept: [...numbers.keys()] };
}

/** For each node whether `own` holds of it or of a node that it depends on. */
export function inheriting<N extends BareNode>(body: readonly N[], own: (node: N) => boolean): boolean[] {
  const holds: boolean[] = [];
  for (const node of body) holds.push(own(node) || inputsOf(node).some((input) => holds[input]!));
  return holds;
}

/** The nodes with the number of loops in which each stands: as many as its address or its operands need. */
export function withDepths(body: readonly BareNode[], reductionDepth: number): ScalarNode[] {
  const out: ScalarNode[] = [];
  for (const node of body) {
    let depth =
      node.kind === 'load' || node.kind === 'index'
        ? node.map.strides.findLastIndex((stride) => stride !== 0) + 1
        : node.kind === 'reduction'
          ? reductionDepth
          : 0;
    for (const input of inputsOf(node)) depth = Math.max(depth, out[input]!.depth);
    out.push({ ...node, depth });
  }
  return out;
}
