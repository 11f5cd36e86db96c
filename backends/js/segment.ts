/** Segment → one JavaScript function `(extents…, operands…)`: its loops, and reductions in the order that is stated. */
import type { DType } from '../../src/core/dtype.js';
import type { Reduction, Segment } from '../../src/compile/kernel.js';
import type { ScalarOp } from '../../src/core/scalar-op.js';
import { JOIN, type ReduceOp, reductionIdentity } from '../../src/ops/reduction.js';
import { type ArraySum, Blocks, element } from './blocks.js';
import { emitTiledContraction, TILE } from './contraction.js';
import { extentName, indexName, operandName, SegmentEmitter } from './nodes.js';
import { literal, scalarExpression } from './scalar.js';

const accumulator = (r: number): string => `acc${r}`;
const isArg = (reduction: Reduction): boolean => reduction.op === 'argmax' || reduction.op === 'argmin';

/** The arrays of the sums of a segment, where its order needs any. */
function arraySums({ reductions }: Segment): (ArraySum & { readonly r: number })[] {
  return reductions.flatMap((reduction, r) => {
    const { dtype, order } = reduction;
    return isArg(reduction) || (order.lanes === 1 && order.levels === 0)
      ? []
      : [{ r, array: `totals${r}_${dtype}`, dtype, join: joinOf(reduction), identity: identityOf(reduction) }];
  });
}

const joinOf = ({ op }: Reduction): ScalarOp => JOIN[op as ReduceOp];
const identityOf = (reduction: Reduction): number =>
  isArg(reduction) ? 0 : reductionIdentity(reduction.op as ReduceOp, reduction.dtype);

/** The statements that take the current element into reduction `r`, whose accumulator is `acc`. */
function accumulate(emitter: SegmentEmitter, reduction: Reduction, r: number, acc: string, value: string): void {
  const { writer } = emitter;
  const { op, dtype } = reduction;
  const element = emitter.name(reduction.input);
  if (!isArg(reduction)) {
    writer.line(`${acc} = ${scalarExpression(joinOf(reduction), dtype, dtype, [value, element])};`);
    return;
  }
  const better = `${element} ${op === 'argmax' ? '>' : '<'} best${r}`;
  writer.block(`if (count${r} === 0 || (best${r} === best${r} && (${element} !== ${element} || ${better})))`, () => {
    writer.line(`best${r} = ${element};`);
    writer.line(`${acc} = count${r};`);
  });
  writer.line(`count${r}++;`);
}

/** All reductions of the segment, in the order that they state. */
function emitReductions(emitter: SegmentEmitter): void {
  const { segment, parallel, rank, writer } = emitter;
  const { reductions } = segment;
  const { lanes } = reductions[0]!.order;
  const sums = arraySums(segment);
  const blocks = new Blocks(writer, reductions[0]!.order, lanes, sums);
  const last = rank - 1;
  reductions.forEach((reduction, r) => {
    const start = literal(identityOf(reduction), isArg(reduction) ? 'i32' : reduction.dtype);
    if (lanes === 1) writer.line(`let ${accumulator(r)} = ${start};`);
    if (isArg(reduction)) writer.line(`let best${r} = ${literal(0, reduction.dtype)}, count${r} = 0;`);
  });
  blocks.begin();
  const step = (): void => {
    reductions.forEach((reduction, r) => {
      const lane = `${indexName(last)} & ${lanes - 1}`;
      const [acc, value] =
        lanes === 1 ? [accumulator(r), accumulator(r)] : [`${sums[r]!.array}[${lane}]`, element(sums[r]!, lane)];
      accumulate(emitter, reduction, r, acc, value);
    });
    emitter.stores('inner');
  };
  const spill = (): void => {
    if (lanes > 1) return;
    for (const { array, r, identity, dtype } of sums)
      writer.line(`${array}[0] = ${accumulator(r)}; ${accumulator(r)} = ${literal(identity, dtype)};`);
  };
  if (rank === parallel) step();
  else
    emitter.loops(parallel, last, () =>
      blocks.loop(
        extentName(last),
        (range) => emitter.loop(last, step, { ...range, step: `${indexName(last)}++` }),
        spill,
      ),
    );
  if (sums.length === 0) return;
  spill();
  const at = blocks.end();
  if (lanes > 1) blocks.tree(at);
  for (const sum of sums)
    writer.line(`${lanes === 1 ? '' : 'const '}${accumulator(sum.r)} = ${element(sum, String(at))};`);
}

/** The body of the function of `segment`; parameters are `n0…` (extents) and `p0…` (operands). */
export function emitSegment(segment: Segment, name: string): string {
  const emitter = new SegmentEmitter(segment);
  const { writer, parallel, rank } = emitter;
  segment.body.forEach((node, i) => {
    if (node.kind === 'reduction') emitter.rename(i, accumulator(node.reduction));
  });
  const parameters = [
    ...Array.from({ length: rank }, (_, axis) => extentName(axis)),
    ...segment.operands.map((_, i) => operandName(i)),
  ];
  writer.block(`function ${name}(${parameters.join(', ')})`, () => {
    if (segment.kind === 'contraction' && emitTiledContraction(emitter, segment)) return;
    emitter.nodes(0, false);
    emitter.loops(0, parallel, () => {
      if (segment.reductions.length > 0) {
        emitReductions(emitter);
      } else if (segment.reduceAxes.length > 0) emitter.loops(parallel, rank, () => emitter.stores('inner'));
      else emitter.stores('inner');
      // Nodes that need a reduction's result, in topological order whatever their loops.
      for (let depth = 0; depth <= parallel; depth++) emitter.nodes(depth, true);
      emitter.stores('outer');
    });
  });
  return writer.toString();
}

/** Scratch arrays that a segment's function needs from its module: name, dtype and length. */
export const totalArrays = (segment: Segment): { name: string; dtype: DType; length: number }[] =>
  arraySums(segment).map(({ r, array, dtype }) => {
    const { lanes, levels } = segment.reductions[r]!.order;
    return { name: array, dtype, length: (segment.contraction === undefined ? lanes : TILE * TILE) * (levels + 1) };
  });
