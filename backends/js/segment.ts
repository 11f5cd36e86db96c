/** Segment → one JavaScript function `(extents…, operands…)`: its loops, and reductions in the order that is stated. */
import type { DType } from '../../src/core/dtype.js';
import type { Reduction, Segment } from '../../src/compile/kernel.js';
import { JOIN, LANES, type ReduceOp, reductionIdentity } from '../../src/ops/reduction.js';
import { emitTiledContraction } from './contraction.js';
import { extentName, indexName, operandName, SegmentEmitter } from './nodes.js';
import { literal, scalarExpression } from './scalar.js';

const laneName = (r: number, dtype: DType): string => `lanes${r}_${dtype}`;
const accumulator = (r: number): string => `acc${r}`;
const isArg = (reduction: Reduction): boolean => reduction.op === 'argmax' || reduction.op === 'argmin';

function identity(reduction: Reduction): string {
  return isArg(reduction)
    ? '0'
    : literal(reductionIdentity(reduction.op as ReduceOp, reduction.dtype), reduction.dtype);
}

const joined = (reduction: Reduction, a: string, b: string): string =>
  scalarExpression(JOIN[reduction.op as ReduceOp], reduction.dtype, reduction.dtype, [a, b]);

/** The statement that takes the current element into accumulator `r`. */
function accumulate(emitter: SegmentEmitter, reduction: Reduction, r: number): void {
  const value = emitter.name(reduction.input);
  const acc = accumulator(r);
  if (!isArg(reduction)) {
    emitter.writer.line(`${acc} = ${joined(reduction, acc, value)};`);
    return;
  }
  const better = `${value} ${reduction.op === 'argmax' ? '>' : '<'} best${r}`;
  emitter.writer.block(
    `if (count${r} === 0 || (best${r} === best${r} && (${value} !== ${value} || ${better})))`,
    () => {
      emitter.writer.line(`best${r} = ${value};`);
      emitter.writer.line(`${acc} = count${r};`);
    },
  );
  emitter.writer.line(`count${r}++;`);
}

function declareAccumulators(emitter: SegmentEmitter): void {
  emitter.segment.reductions.forEach((reduction, r) => {
    emitter.writer.line(`let ${accumulator(r)} = ${identity(reduction)};`);
    if (isArg(reduction)) emitter.writer.line(`let best${r} = ${literal(0, reduction.dtype)}, count${r} = 0;`);
  });
}

function serialReductions(emitter: SegmentEmitter): void {
  const { segment, parallel, rank } = emitter;
  declareAccumulators(emitter);
  emitter.loops(parallel, rank, () => {
    segment.reductions.forEach((reduction, r) => accumulate(emitter, reduction, r));
    emitter.stores('inner');
  });
}

/** Sixteen interleaved accumulators a block, one lane after another; see `ops/reduction.ts` for the order. */
function laneReductions(emitter: SegmentEmitter, block: number): void {
  const { segment, parallel, rank, writer } = emitter;
  const first = indexName(parallel);
  const single = rank === parallel + 1;
  const last = rank - 1;
  segment.reductions.forEach((reduction, r) => writer.line(`let total${r} = ${identity(reduction)};`));
  writer.block(`for (let from = 0; from < ${extentName(parallel)}; from += ${block})`, () => {
    writer.line(`const to = min(from + ${block}, ${extentName(parallel)});`);
    writer.block(`for (let lane = 0; lane < ${LANES}; lane++)`, () => {
      declareAccumulators(emitter);
      const body = (): void => {
        segment.reductions.forEach((reduction, r) => accumulate(emitter, reduction, r));
        emitter.stores('inner');
      };
      if (single) emitter.loop(parallel, body, { from: 'from + lane', to: 'to', step: `${first} += ${LANES}` });
      else
        emitter.loop(
          parallel,
          () =>
            emitter.loops(parallel + 1, last, () =>
              emitter.loop(last, body, { from: 'lane', to: extentName(last), step: `${indexName(last)} += ${LANES}` }),
            ),
          { from: 'from', to: 'to', step: `${first}++` },
        );
      segment.reductions.forEach((reduction, r) =>
        writer.line(`${laneName(r, reduction.dtype)}[lane] = ${accumulator(r)};`),
      );
    });
    segment.reductions.forEach((reduction, r) => {
      const lane = (index: string): string =>
        `${laneName(r, reduction.dtype)}[${index}]${reduction.dtype === 'bool' ? ' !== 0' : ''}`;
      writer.block(`for (let half = ${LANES / 2}; half > 0; half >>= 1)`, () =>
        writer.line(
          `for (let lane = 0; lane < half; lane++) ${laneName(r, reduction.dtype)}[lane] = ${joined(reduction, lane('lane'), lane('lane + half'))};`,
        ),
      );
      writer.line(`total${r} = ${joined(reduction, `total${r}`, lane('0'))};`);
    });
  });
  segment.reductions.forEach((_, r) => writer.line(`const ${accumulator(r)} = total${r};`));
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
        const order = segment.reductions[0]!.order;
        if (order.kind === 'lanes') laneReductions(emitter, order.block);
        else serialReductions(emitter);
      } else if (segment.reduceAxes.length > 0) emitter.loops(parallel, rank, () => emitter.stores('inner'));
      else emitter.stores('inner');
      // Nodes that need a reduction's result, in topological order whatever their loops.
      for (let depth = 0; depth <= parallel; depth++) emitter.nodes(depth, true);
      emitter.stores('outer');
    });
  });
  return writer.toString();
}

/** Scratch arrays that a segment's function needs from its module: name and dtype and length. */
export const laneArrays = (segment: Segment): { name: string; dtype: DType; length: number }[] =>
  segment.reductions.flatMap((reduction, r) =>
    reduction.order.kind === 'lanes'
      ? [{ name: laneName(r, reduction.dtype), dtype: reduction.dtype, length: LANES }]
      : [],
  );
