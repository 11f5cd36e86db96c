/**
 * The invariants of graphs, kernels, loops and programs. Tests hand this to `setVerification`, so that a page does without.
 */
import { dataPrimitive, isParameter } from '../ops/leaf.js';
import { sameAval, sameShape } from '../core/aval.js';
import type { AffineMap } from '../core/affine.js';
import { InternalError } from '../core/errors.js';
import { topologicalOrder } from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import { SCALAR_OPS } from '../core/scalar-op.js';
import type { Buffer } from '../compile/buffers.js';
import { inputsOf } from '../compile/body.js';
import { type Kernel, kernelReads, kernelWrites } from '../compile/kernel.js';
import type { Verifier } from './pipeline.js';
import { hostStepsOf, type Program } from './program.js';
import { verifyLoops } from './verify-loops.js';

/** Checks that each node's aval follows from its inputs and that leaves are parameters or constants. */
function verifyGraph(graph: Graph): void {
  const parameters = new Set(graph.parameters);
  for (const node of topologicalOrder(graph.outputs)) {
    const inferred = node.primitive.infer(
      node.inputs.map((input) => input.aval),
      node.attributes,
    );
    if (!sameAval(inferred, node.aval))
      throw new InternalError(
        `${graph.name}: ${node.primitive.name} is ${node.aval.key} where its inputs give ${inferred.key}`,
      );
    if (node.primitive === dataPrimitive || (isParameter(node) && !parameters.has(node)))
      throw new InternalError(`${graph.name}: a ${node.primitive.name} that is no parameter of the graph`);
  }
  for (const { output, parameter } of graph.updates) {
    const [to, from] = [graph.outputs[output], graph.parameters[parameter]];
    // A number that was decomposed is an f64 and no number any more: the same bits.
    if (!to || !from || to.dtype !== from.dtype || !sameShape(to.shape, from.shape))
      throw new InternalError(`${graph.name}: the update of parameter ${parameter} has another shape or dtype`);
  }
}

/** Checks operand positions, topological order, depths and arities. */
function verifyKernel(kernel: Kernel): void {
  for (const segment of kernel.segments) {
    const rank = segment.axes.length + segment.reduceAxes.length;
    const fail = (what: string): never => {
      throw new InternalError(`${kernel.name}: ${what}`);
    };
    if (segment.stores.length === 0) fail('a segment stores nothing');
    if (segment.operands.length !== segment.operandDTypes.length) fail('operands and dtypes differ in number');
    const checkMap = (map: AffineMap): void => {
      if (map.strides.length !== rank) fail(`a map of ${map.strides.length} axes in a space of ${rank}`);
    };
    segment.body.forEach((node, i) => {
      for (const use of inputsOf(node)) {
        if (use >= i || use < 0) fail(`node ${i} uses node ${use}`);
        if (segment.body[use]!.depth > node.depth) fail(`node ${i} stands outside the loops of node ${use}`);
      }
      if (node.kind === 'op' && node.inputs.length !== SCALAR_OPS[node.op])
        fail(`${node.op} has ${node.inputs.length} operands`);
      if (node.kind === 'load') {
        if (segment.operandDTypes[node.operand] !== node.dtype) fail(`node ${i} loads another dtype`);
        checkMap(node.map);
      }
      if (node.kind === 'index') checkMap(node.map);
      if (node.depth > rank) fail(`node ${i} has depth ${node.depth}`);
    });
    for (const store of segment.stores) {
      checkMap(store.map);
      if (segment.operandDTypes[store.operand] !== segment.body[store.node]?.dtype) fail('a store of another dtype');
      if (store.phase === 'outer' && store.map.strides.slice(segment.axes.length).some((stride) => stride !== 0))
        fail('an outer store moves with a reduced axis');
    }
  }
}

/** Checks that each buffer is written before it is read, and that live temporaries do not overlap unless one replaces the other. */
function verifyProgram(program: Program): void {
  program.functions.forEach(verifyLoops);
  const written = new Set(program.buffers.filter(({ role }) => role === 'parameter').map(({ id }) => id));
  for (const { outputs } of hostStepsOf(program)) for (const output of outputs) written.add(output);
  const baseOf = (id: number): number => {
    const { of } = program.buffers[id]!;
    return of === undefined ? id : baseOf(of);
  };
  program.kernels.forEach((kernel) => {
    verifyKernel(kernel);
    const writes = kernelWrites(kernel).map(baseOf);
    for (const read of kernelReads(kernel).map(baseOf))
      if (!written.has(read) && !writes.includes(read))
        throw new InternalError(`${kernel.name} reads b${read} before it is written`);
    for (const write of writes) {
      if (program.buffers[write]!.role === 'parameter')
        throw new InternalError(`${kernel.name} writes the parameter b${write}`);
      written.add(write);
    }
  });
  for (const output of program.outputs) {
    if (!written.has(output)) throw new InternalError(`the output b${output} of ${program.name} is never written`);
  }
  let alive: Buffer[] = [];
  const temporaries = program.buffers.filter(
    ({ role, size, firstUse, lastUse }) =>
      size > 0 && (role === 'temporary' || (role === 'scratch' && firstUse < lastUse)),
  );
  for (const b of temporaries.sort((x, y) => x.firstUse - y.firstUse)) {
    alive = alive.filter((a) => a.lastUse > b.firstUse);
    for (const a of alive)
      if (a.firstUse < b.lastUse && a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes)
        throw new InternalError(`b${a.id} and b${b.id} are alive at once in one place`);
    alive.push(b);
  }
}

/** What `compileGraph` calls between passes. */
export const verifier: Verifier = { graph: verifyGraph, program: verifyProgram };
