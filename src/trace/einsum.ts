/**
 * Einstein's summation and tensordot, over nodes. Labels that one operand alone has are summed first; then the two operands
 * whose product is smallest meet, as one contraction, until one is left. Labels that are in both and still needed are batch
 * axes of it, so nothing is repeated.
 */
import { type Shape, sizeOf } from '../core/aval.js';
import { mapEach, otherAxes, range } from '../core/axes.js';
import { OptionError, ShapeError } from '../core/errors.js';
import type { Expr } from '../core/expr.js';
import { describeValue } from '../core/options.js';
import { dot } from '../ops/contraction.js';
import * as core from '../ops/elementwise.js';
import * as movement from '../ops/movement.js';
import { sumOver } from '../ops/reduction.js';
import { listOf, normalizeAxis, type Operand, promoteOperands } from './operand.js';
import { counted } from './reductions.js';

/** An operand whose axes have labels, each once. */
interface Labelled {
  readonly x: Expr;
  readonly labels: readonly string[];
}

function refuse(
  spec: unknown,
  why: string,
  remedy = `A specification is as 'ij,jk->ik', with one part an operand.`,
): never {
  throw new OptionError('EINSUM', `einsum got ${describeValue(spec)}: ${why}`, remedy);
}

/** Labels of the part of a specification that stands for an operand of `rank` axes; axes of '...' are numbered from the last. */
function labelsOf(spec: string, part: string, rank: number): string[] {
  if (!/^[A-Za-z]*(\.\.\.[A-Za-z]*)?$/.test(part)) refuse(spec, `the part '${part}' is no list of letters`);
  const [before, after] = part.split('...');
  const letters = [...before!, ...(after ?? '')];
  const rest = rank - letters.length;
  if (rest < 0 || (after === undefined && rest > 0))
    throw new ShapeError(
      'EINSUM_RANK',
      `einsum got '${spec}' and for '${part}' a tensor of ${rank} axes`,
      `Name every axis, or the others with '...'.`,
    );
  return [...before!, ...(after === undefined ? [] : ellipsis(rest)), ...(after ?? '')];
}
const ellipsis = (count: number): string[] => range(count).map((i) => `...${count - 1 - i}`);

/** The labels of the operands and of the result. */
function parse(spec: string, ranks: readonly number[]): { inputs: string[][]; output: string[] } {
  const [left, right, ...more] = spec.replaceAll(' ', '').split('->');
  if (more.length > 0) refuse(spec, `'->' stands twice`);
  const parts = left!.split(',');
  if (parts.length !== ranks.length) refuse(spec, `it has ${parts.length} parts for ${ranks.length} operands`);
  const inputs = parts.map((part, i) => labelsOf(spec, part, ranks[i]!));
  const all = inputs.flat();
  const dots = ellipsis(Math.max(0, ...all.map((label) => (label.length > 1 ? Number(label.slice(3)) + 1 : 0))));
  if (right === undefined) {
    const once = [...new Set(all)].filter(
      (label) => label.length === 1 && all.indexOf(label) === all.lastIndexOf(label),
    );
    return { inputs, output: [...dots, ...once.sort()] };
  }
  const output = labelsOf(spec, right, right.replace('...', '').length + (right.includes('...') ? dots.length : 0));
  const unknown = output.find((label) => !all.includes(label));
  if (unknown !== undefined) refuse(spec, `no operand has the label '${unknown}' of the result`);
  if (new Set(output).size !== output.length) refuse(spec, 'the result has a label twice');
  if (dots.some((label) => !output.includes(label))) refuse(spec, `the result lacks the axes of '...'`);
  return { inputs, output };
}

/** Axes of one label become one, which goes along their diagonal. */
function withoutRepeats(spec: string, { x, labels }: Labelled): Labelled {
  const second = labels.findIndex((label, i) => labels.indexOf(label) < i);
  if (second < 0) return { x, labels };
  const first = labels.indexOf(labels[second]!);
  const extent = x.shape[first]!;
  if (extent !== x.shape[second])
    throw new ShapeError(
      'SHAPE_MISMATCH',
      `einsum got '${spec}' and ${x.aval.key}; '${labels[first]!}' is ${extent} and ${x.shape[second]!}`,
      'Axes of one label have one extent.',
    );
  const others = otherAxes(labels.length, [first, second]);
  const front = movement.transpose(x, [first, second, ...others]);
  const rest = others.map((axis) => x.shape[axis]!);
  const zeros = rest.map(() => 0);
  const flat = movement.reshape(front, [extent * extent, ...rest]);
  const diagonal = movement.slice(flat, [0, ...zeros], flat.shape, [extent + 1, ...rest.map(() => 1)]);
  return withoutRepeats(spec, { x: diagonal, labels: [labels[first]!, ...others.map((axis) => labels[axis]!)] });
}

/** Drops axes of extent 1 whose label is wider elsewhere, and checks that extents agree. */
function unified(spec: string, operands: readonly Labelled[]): { operands: Labelled[]; extents: Map<string, number> } {
  const extents = new Map<string, number>();
  for (const { x, labels } of operands)
    labels.forEach((label, axis) => {
      const [known, extent] = [extents.get(label) ?? 1, x.shape[axis]!];
      if (known !== 1 && extent !== 1 && known !== extent)
        throw new ShapeError(
          'SHAPE_MISMATCH',
          `einsum got '${spec}' and ${operands.map((each) => each.x.aval.key).join(', ')}; '${label[0]!}' is ${known} and ${extent}`,
          'Axes of one label have one extent, or 1.',
        );
      extents.set(label, known === 1 ? extent : known);
    });
  const stays = ({ x, labels }: Labelled, axis: number): boolean => x.shape[axis] === extents.get(labels[axis]!);
  return {
    extents,
    operands: operands.map((each) => ({
      x: movement.reshape(
        each.x,
        each.x.shape.filter((_, axis) => stays(each, axis)),
      ),
      labels: each.labels.filter((_, axis) => stays(each, axis)),
    })),
  };
}

/** Sums over the labels that nobody else needs. */
function summed({ x, labels }: Labelled, needed: ReadonlySet<string>): Labelled {
  const axes = range(labels.length).filter((axis) => !needed.has(labels[axis]!));
  return { x: sumOver(x, axes), labels: labels.filter((label) => needed.has(label)) };
}

/** The product of two operands, summed over the labels that nobody else needs: both have those. */
function product(a: Labelled, b: Labelled, needed: ReadonlySet<string>): Labelled {
  const shared = a.labels.filter((label) => b.labels.includes(label));
  const batch = shared.filter((label) => needed.has(label));
  const contract = shared.filter((label) => !needed.has(label));
  const free = (own: Labelled): string[] => own.labels.filter((label) => !shared.includes(label));
  const labels = [...batch, ...free(a), ...free(b)];
  if (contract.length === 0) {
    const shape = labels.map((label) => (a.labels.includes(label) ? extentOf(a, label) : extentOf(b, label)));
    return { x: core.mul(aligned(a, labels, shape), aligned(b, labels, shape)), labels };
  }
  const axes = (own: Labelled, list: readonly string[]): number[] => list.map((label) => own.labels.indexOf(label));
  return {
    x: dot(a.x, b.x, { batch: [axes(a, batch), axes(b, batch)], contract: [axes(a, contract), axes(b, contract)] }),
    labels,
  };
}
const extentOf = ({ x, labels }: Labelled, label: string): number => x.shape[labels.indexOf(label)]!;

/** An operand with its axes at the places of their labels. */
function aligned({ x, labels }: Labelled, order: readonly string[], shape: Shape): Expr {
  const own = order.filter((label) => labels.includes(label));
  const sorted = movement.transpose(
    x,
    own.map((label) => labels.indexOf(label)),
  );
  if (own.length === order.length) return sorted;
  return movement.broadcast(
    sorted,
    shape,
    own.map((label) => order.indexOf(label)),
  );
}

/** The pair whose product has the fewest elements, the first of equals. */
function cheapest(operands: readonly Labelled[], extents: ReadonlyMap<string, number>): [number, number] {
  let best: [number, number] = [0, 1];
  let least = Infinity;
  for (let i = 0; i < operands.length; i++)
    for (let j = i + 1; j < operands.length; j++) {
      const needed = neededBy(operands, [i, j]);
      const labels = new Set([...operands[i]!.labels, ...operands[j]!.labels].filter((label) => needed.has(label)));
      const size = sizeOf([...labels].map((label) => extents.get(label)!));
      if (size < least) [best, least] = [[i, j], size];
    }
  return best;
}
/** The labels of all operands but some; the result is the last. */
const neededBy = (operands: readonly { readonly labels: readonly string[] }[], but: readonly number[]): Set<string> =>
  new Set(operands.flatMap(({ labels }, i) => (but.includes(i) ? [] : labels)));

/**
 * The sum of products that a specification says, as NumPy's einsum.
 * @throws OptionError `EINSUM` for one that does not parse; ShapeError `EINSUM_RANK`, `SHAPE_MISMATCH`.
 */
export function einsum(spec: string, operands: readonly Operand[]): Expr {
  if (typeof spec !== 'string') refuse(spec, 'it is no text');
  if (operands.length === 0) refuse(spec, 'there are no operands');
  const nodes = promoteOperands('einsum', operands).map(counted);
  const { inputs, output } = parse(
    spec,
    nodes.map((x) => x.shape.length),
  );
  const { operands: ready, extents } = unified(
    spec,
    nodes.map((x, i) => withoutRepeats(spec, { x, labels: inputs[i]! })),
  );
  const result = { labels: output };
  let left = ready.map((each, i) => summed(each, neededBy([...ready, result], [i])));
  while (left.length > 1) {
    const [i, j] = cheapest(left, extents);
    const met = product(left[i]!, left[j]!, neededBy([...left, result], [i, j]));
    left = [...left.filter((_, each) => each !== i && each !== j), met];
  }
  return aligned(
    left[0]!,
    output,
    output.map((label) => extents.get(label)!),
  );
}

/**
 * The contraction of the last `axes` axes of `a` with the first of `b`, or of the axes that two lists name pair by pair.
 * @throws ShapeError `SHAPE_MISMATCH`
 */
export function tensordot(
  left: Operand,
  right: Operand,
  axes: number | readonly [number | readonly number[], number | readonly number[]] = 2,
): Expr {
  const [a, b] = mapEach(promoteOperands('tensordot', [left, right]), counted);
  const list = (x: Expr, of: number | readonly number[]): number[] =>
    listOf(of).map((axis) => normalizeAxis('tensordot', axis, x.shape.length));
  const invalid = (): never => {
    throw new ShapeError(
      'SHAPE_MISMATCH',
      `tensordot got ${a.aval.key} and ${b.aval.key} and the axes ${describeValue(axes)}`,
      'Give a number of axes, or as many axes of the first as of the second, of equal extents.',
    );
  };
  if (
    typeof axes === 'number' &&
    !(Number.isInteger(axes) && axes >= 0 && axes <= Math.min(a.shape.length, b.shape.length))
  )
    invalid();
  if (typeof axes !== 'number' && !(Array.isArray(axes) && axes.length === 2)) invalid();
  const [ofA, ofB] =
    typeof axes === 'number'
      ? [range(axes).map((i) => a.shape.length - axes + i), range(axes)]
      : [list(a, axes[0]), list(b, axes[1])];
  if (
    ofA.length !== ofB.length ||
    new Set(ofA).size !== ofA.length ||
    new Set(ofB).size !== ofB.length ||
    ofA.some((axis, i) => a.shape[axis] !== b.shape[ofB[i]!])
  )
    invalid();
  return dot(a, b, { batch: [[], []], contract: [ofA, ofB] });
}
