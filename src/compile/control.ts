/**
 * Loops and branches in fusion. Their bodies are fused and scheduled by themselves; then their buffers are those of the graph
 * around them: a constant is the buffer that holds it, a carry one buffer that each turn updates in place, an element of a
 * sequence a view of it.
 */
import { InternalError } from '../core/errors.js';
import { type Control, type Expr, ExprScope, type Graph, make, nodesOf, withOrigin, withScope } from '../core/expr.js';
import { copy, lastCopy } from '../ops/control/copy.js';
import { controlAttributes } from '../ops/control/attributes.js';
import type { BufferTable } from './buffer-table.js';
import { type Compiled, type ControlPasses, isControl } from './control-passes.js';
import type { ControlUnit } from './control-unit.js';
import type { Fused } from './fused.js';
import { joinScans } from './join.js';
import { unroll } from './unroll.js';
import { type BufferId, type Kernel, kernelReads, kernelWrites } from './kernel.js';
import { originOf, rebuild, rewriteOuter } from './rewrite.js';
import { isParameter } from '../ops/leaf.js';
import { storageOf } from './roots.js';
import { renumber, type View, type Work } from './work.js';

const kindOf = (node: Expr): Control['kind'] | undefined => node.primitive.control?.kind;

/** The inputs that begin carries. */
function carriesOf(node: Expr): { readonly first: number; readonly count: number } {
  const scan = controlAttributes(node, 'scan');
  if (scan !== undefined) return { first: scan.constants, count: scan.carries };
  const first = controlAttributes(node, 'while')?.constants ?? node.inputs.length;
  return { first, count: node.inputs.length - first };
}

/**
 * Graph → Graph: carries begin as copies, which may be the memory that the loop updates; a result that is several outputs is
 * written once and copied.
 */
function separateCarries(graph: Graph): Graph {
  if (!nodesOf(graph).some(isControl)) return graph;
  const separated = rewriteOuter(graph, (node, inputs) => {
    const { first, count } = carriesOf(node);
    if (count === 0) return rebuild(node, inputs);
    const own = inputs.map((input, i) => (i >= first && i < first + count ? copy(input) : input));
    return make(node.primitive, own, node.attributes);
  });
  const seen = new Set<Expr>();
  const outputs = withScope(new ExprScope(), () =>
    separated.outputs.map((output) => {
      const stored = storageOf(output);
      if (stored.primitive.kind !== 'result') return output;
      if (!seen.has(stored)) {
        seen.add(stored);
        return output;
      }
      return withOrigin(originOf(output), () => copy(output));
    }),
  );
  return { ...separated, outputs };
}

/**
 * The body of a loop, every carry of which is updated in place: what cannot be is computed elsewhere and copied at the end.
 * A body with such copies is fused anew, so another carry may have to follow.
 */
function compileBody(body: Graph, first: number, carries: number, compile: (graph: Graph) => Compiled): Compiled {
  const updates = Array.from({ length: carries }, (_, i) => ({ output: i, parameter: first + i }));
  const late = new Set<number>();
  for (;;) {
    const outputs = withScope(new ExprScope(), () =>
      body.outputs.map((output, i) =>
        late.has(i)
          ? withOrigin(originOf(output), () => lastCopy(isParameter(storageOf(output)) ? copy(output) : output))
          : output,
      ),
    );
    const compiled = compile({ ...body, outputs, updates });
    const elsewhere = compiled.scheduled.updates.filter(({ inPlace }) => !inPlace).map(({ output }) => output);
    if (elsewhere.length === 0) return compiled;
    if (elsewhere.some((output) => late.has(output)))
      throw new InternalError(`a carry of ${body.name} cannot be updated in place`);
    for (const output of elsewhere) late.add(output);
  }
}

/** Enters the buffers of a compiled body in the table around it; `known` are those that stand for others. */
function adopt(
  { fused, scheduled }: Compiled,
  buffers: BufferTable,
  known: ReadonlyMap<BufferId, BufferId>,
): { kernels: Kernel[]; work: (from: number) => Work[]; locals: BufferId[]; of: (id: BufferId) => BufferId } {
  const locals: BufferId[] = [];
  const ids = fused.buffers.map((spec, id) => {
    const own = known.get(id);
    if (own !== undefined) return own;
    const added = buffers.add(spec.role === 'view' ? spec : { ...spec, role: 'temporary' });
    if (spec.role !== 'view') locals.push(added);
    return added;
  });
  fused.buffers.forEach((spec, id) => {
    if (spec.role === 'view' && !known.has(id)) buffers.specs[ids[id]!] = { ...spec, of: ids[spec.of!]! };
  });
  const of = (id: BufferId): BufferId => ids[id]!;
  const kernels = scheduled.kernels.map((kernel) => ({
    ...kernel,
    segments: kernel.segments.map((segment) => ({ ...segment, operands: segment.operands.map(of) })),
  }));
  return { kernels, work: (from) => renumber(scheduled.work, (kernel) => kernel + from, of), locals, of };
}

function controlUnit(node: Expr, buffers: BufferTable, compile: (graph: Graph) => Compiled): ControlUnit {
  const inputs = node.inputs.map((input) => buffers.bufferOf(storageOf(input)));
  const results = node.aval.results!.map((aval, index) => {
    const known = buffers.resultOf(node, index);
    return known ?? buffers.add({ dtype: aval.dtype, shape: aval.shape, size: aval.size, role: 'temporary' });
  });
  const unit =
    kindOf(node) === 'scan'
      ? scanUnit(node, inputs, results, buffers, compile)
      : kindOf(node) === 'while'
        ? whileUnit(node, inputs, results, buffers, compile)
        : branchUnit(node, inputs, results, buffers, compile);
  const bases = (ids: readonly BufferId[]): BufferId[] => ids.map((id) => buffers.baseOf(id));
  return {
    ...unit,
    reads: new Set([...bases(unit.kernels.flatMap(kernelReads)), ...inputs]),
    writes: new Set([...bases(unit.kernels.flatMap(kernelWrites)), ...results]),
  };
}

type Unit = Pick<ControlUnit, 'kernels' | 'work'>;

function scanUnit(
  node: Expr,
  inputs: readonly BufferId[],
  results: readonly BufferId[],
  buffers: BufferTable,
  compile: (graph: Graph) => Compiled,
): Unit {
  const { body, length, reverse, constants, carries } = controlAttributes(node, 'scan')!;
  const compiled = compileBody(body, constants, carries, compile);
  const { parameters, outputs } = compiled.fused;
  const known = new Map<BufferId, BufferId>();
  const views: View[] = [];
  const view = ({ dtype, shape, aval }: Expr, of: BufferId): BufferId => {
    const id = buffers.add({ dtype, shape, size: aval.size, role: 'view', of });
    views.push({ view: id, of, stride: aval.size });
    return id;
  };
  parameters.forEach((id, i) =>
    known.set(
      id,
      i < constants
        ? inputs[i]!
        : i < constants + carries
          ? results[i - constants]!
          : view(body.parameters[i]!, inputs[i]!),
    ),
  );
  outputs.forEach((id, i) => known.set(id, i < carries ? results[i]! : view(body.outputs[i]!, results[i]!)));
  const { kernels, work, locals } = adopt(compiled, buffers, known);
  return {
    kernels,
    work: [{ kind: 'loop', turns: length, reverse, views, work: work(0), locals: new Set(locals) }],
  };
}

function whileUnit(
  node: Expr,
  inputs: readonly BufferId[],
  results: readonly BufferId[],
  buffers: BufferTable,
  compile: (graph: Graph) => Compiled,
): Unit {
  const { predicate, body, constants } = controlAttributes(node, 'while')!;
  const place = (i: number): BufferId => (i < constants ? inputs[i]! : results[i - constants]!);
  const knownOf = ({ parameters }: Fused): Map<BufferId, BufferId> =>
    new Map(parameters.map((id, i) => [id, place(i)]));
  const compiled = compileBody(body, constants, results.length, compile);
  const known = knownOf(compiled.fused);
  compiled.fused.outputs.forEach((id, i) => known.set(id, results[i]!));
  const turn = adopt(compiled, buffers, known);
  const compiledTest = compile({ ...predicate, updates: [] });
  const test = adopt(compiledTest, buffers, knownOf(compiledTest.fused));
  const first = test.kernels.length;
  return {
    kernels: [...test.kernels, ...turn.kernels],
    work: [
      {
        kind: 'loop',
        turns: { test: test.work(0), predicate: test.of(compiledTest.fused.outputs[0]!) },
        reverse: false,
        views: [],
        work: turn.work(first),
        locals: new Set([...turn.locals, ...test.locals]),
      },
    ],
  };
}

function branchUnit(
  node: Expr,
  [index, ...inputs]: readonly BufferId[],
  results: readonly BufferId[],
  buffers: BufferTable,
  compile: (graph: Graph) => Compiled,
): Unit {
  const attributes = controlAttributes(node, 'branch');
  if (attributes === undefined) throw new InternalError(`${node.primitive.name} was not inlined`);
  const kernels: Kernel[] = [];
  const branches = attributes.branches.map((branch) => {
    const compiled = compile(branch);
    const known = new Map<BufferId, BufferId>(compiled.fused.parameters.map((id, i) => [id, inputs[i]!]));
    compiled.fused.outputs.forEach((id, i) => known.set(id, results[i]!));
    const own = adopt(compiled, buffers, known);
    const work = own.work(kernels.length);
    kernels.push(...own.kernels);
    return work;
  });
  return { kernels, work: [{ kind: 'branch', index: index!, branches }] };
}

/** The buffers of carries are those of the results that they end as. */
function shareCarries(roots: readonly Expr[], buffers: BufferTable): void {
  for (const node of roots) {
    if (!isControl(node)) continue;
    const { first, count } = carriesOf(node);
    for (let i = 0; i < count; i++) {
      const start = node.input(first + i);
      const known = buffers.resultOf(node, i);
      if (known !== undefined) {
        buffers.alias(start, known);
        continue;
      }
      buffers.addTemporary(start);
      buffers.nameResult(node, i, buffers.bufferOf(start));
    }
  }
}

/** What loops, branches and parts with derivatives of their own bring. */
export const CONTROL: ControlPasses = { joinScans, unroll, separateCarries, shareCarries, controlUnit };
