/**
 * Which line of a kernel's source computes what. Every backend names the values of a loop function by their numbers, and
 * a function knows for each of its values the node of the segment's body that it is.
 */
import type { Expr } from '../core/expr.js';
import { type Kernel, type Segment, SEGMENT_KINDS } from '../compile/kernel.js';
import type { LoopFunction } from '../lower/loops.js';
import { launchesOf, type Program } from '../lower/program.js';
import type { Provenance } from './provenance.js';

/** A line of a kernel's source, from 1, and the user's line that it comes from. */
export interface LineReport {
  readonly line: number;
  readonly location: string;
}

/** A function of a kernel's source, and the segments that it computes, or a function of which calls it. */
interface Part {
  readonly name: string | undefined;
  readonly text: string;
  /** By line: the node of the segments' bodies that it computes. */
  readonly nodes: readonly (number | undefined)[];
  readonly segments: readonly Segment[];
}

/** Where functions begin, or segments where there are none. */
const HEAD = new RegExp(`^(?=function |KERNEL | *\\(func |  (?:${SEGMENT_KINDS.join('|')}) \\()`, 'm');

/** Lines that compute nothing. */
const NO_CODE = /^ *(?:$|function |\(func|\(local|\/\/|;;|[)}]+;?$)/;

/** The segments of the kernel by the names of the functions that compute them. */
export function callers(program: Program, kernel: Kernel): Map<string, { code: LoopFunction; of: Segment[] }> {
  const segments = kernel.segments.filter(({ axes }) => !axes.includes(0));
  const { functions } = program;
  const phases = launchesOf(program).find((step) => step.kernel === kernel)?.phases ?? [];
  const found = new Map<string, { code: LoopFunction; of: Segment[] }>();
  // The functions of a segment follow one another, one a phase.
  phases.forEach((calls, phase) => {
    for (const code of new Set(calls.map((call) => call.code)))
      found.set(functions[code]!.name, {
        code: functions[code]!,
        of: segments.filter((_, i) => phases[0]![i]!.code === code - phase),
      });
  });
  return found;
}

/** The parts of a kernel's source, in their order; together they are all of it. */
export function partsOf(program: Program, kernel: Kernel, source: string): Part[] {
  const functions = callers(program, kernel);
  let next = 0;
  const parts = source.split(HEAD).map((text): Part => {
    // A contraction's epilogue is a function of its own where the rest is a tile's.
    const name = /^ *(?:function |KERNEL |\(func \$)(\w+?)(?:_epilogue)?\b/.exec(text)?.[1];
    const called = name === undefined ? undefined : functions.get(name);
    if (called !== undefined)
      return { name, text, nodes: withAccumulators(text, called.code.nodes, called.of), segments: called.of };
    // The kernel itself, as text: its values are the nodes.
    if (name === undefined && text.startsWith('  ') && next < kernel.segments.length)
      return { name, text, nodes: nodesOfLines(text), segments: [kernel.segments[next++]!] };
    return { name, text, nodes: [], segments: [] };
  });
  for (let found = true; found;) {
    found = false;
    parts.forEach((part, i) => {
      if (part.segments.length > 0 || part.name === undefined) return;
      parts[i] = serving(part, parts);
      found ||= parts[i].segments.length > 0;
    });
  }
  return parts;
}

const reductionOf = (segment: Segment | undefined): number =>
  segment?.body.findIndex(({ kind }) => kind === 'reduction') ?? -1;

/** A function that others call, such as the packing and the tile of a contraction: all of it is for their reductions. */
function serving(part: Part, parts: readonly Part[]): Part {
  const users = parts.filter(({ text, segments }) => segments.length > 0 && text.includes(part.name!));
  const segments = [...new Set(users.flatMap((user) => user.segments))];
  const reduction = reductionOf(segments[0]);
  if (reduction < 0) return part;
  const nodes = part.text.split('\n').map((line) => (NO_CODE.test(line) ? undefined : reduction));
  return { ...part, nodes, segments: segments.filter((segment) => reductionOf(segment) === reduction) };
}

/**
 * As {@link nodesOfLines}, of the function of `segments`. Where it accumulates, the lines that name values or cells but stand
 * for no node (sums of lanes and blocks, tiles) belong to the reduction.
 */
export function withAccumulators(
  text: string,
  values: readonly (number | undefined)[],
  segments: readonly Segment[],
): (number | undefined)[] {
  const nodes = nodesOfLines(text, values);
  const reduction = reductionOf(segments[0]);
  if (reduction < 0) return nodes;
  const isAccumulating = (line: string): boolean => !NO_CODE.test(line) && /\b[vc]\d+\b/.test(line.replace('v128', ''));
  const filled = text.split('\n').map((line, i) => nodes[i] ?? (isAccumulating(line) ? reduction : undefined));
  return filled.map((node, i) => node ?? (filled[i - 1] === reduction ? filled[i + 1] : undefined));
}

/**
 * By line of the text of a function: the node that it computes, or stores. In WebAssembly text, where a value takes several
 * lines, these go with the one that sets it.
 */
export function nodesOfLines(text: string, nodes?: readonly (number | undefined)[]): (number | undefined)[] {
  const lines = text.split('\n');
  const nodeOf = (value: string): number | undefined => (nodes === undefined ? Number(value) : nodes[Number(value)]);
  if (!/^ *\(func /.test(text))
    return lines.map((line) => {
      for (const [, value] of line.matchAll(/\bv(\d+)\b/g)) {
        const node = nodeOf(value!);
        if (node !== undefined) return node;
      }
      return undefined;
    });
  const found: (number | undefined)[] = [];
  let from = 0;
  let read: number | undefined;
  lines.forEach((line, i) => {
    const [, verb, value] = /local\.(\w+) \$v(\d+)/.exec(line) ?? [];
    if (verb === 'get') read = nodeOf(value!) ?? read;
    else if (verb !== undefined || /local\.set|store|^ *(?:loop|block|if|end|br)/.test(line)) {
      found.length = i + 1;
      found.fill(verb === undefined ? read : nodeOf(value!), from, i + 1);
      from = i + 1;
      read = undefined;
    }
  });
  return found;
}

/** The user's lines, line by line. */
export function linesOf(
  program: Program,
  kernel: Kernel,
  source: string,
  from: (node: Expr) => Provenance,
): LineReport[] {
  const found: LineReport[] = [];
  let before = 1;
  for (const { text, nodes, segments } of partsOf(program, kernel, source)) {
    nodes.forEach((node, i) => {
      const made = segments.map((segment) => (node === undefined ? undefined : segment.made[node]?.node));
      for (const location of new Set(made.flatMap((each) => (each && from(each).location) ?? [])))
        found.push({ line: before + i, location });
    });
    before += text.split('\n').length - 1;
  }
  return found;
}
