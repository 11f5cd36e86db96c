/** The kernels at every stage and on every backend, with the traced node that each line computes. */
import { UnsupportedError } from '../core/errors.js';
import type { Expr } from '../core/expr.js';
import { inputsOf } from '../compile/body.js';
import { printKernel } from '../compile/kernel.js';
import { printLoops } from '../lower/print.js';
import { compileGraph } from '../lower/pipeline.js';
import type { Program } from '../lower/program.js';
import type { Backend, KernelSource } from '../runtime/backend.js';
import type { Subject } from '../runtime/inspect.js';
import { callers, partsOf, withAccumulators } from '../runtime/lines.js';
import { connectedBackends } from '../runtime/registry.js';
import { checkDTypes } from '../runtime/runner.js';
import type { BuildView, PieceView, StageView } from './page-data.js';

/** Texts that are equal, and mean the same, once. */
class Pieces {
  readonly views: PieceView[] = [];
  readonly #known = new Map<string, number>();
  add(text: string, nodes: readonly (number | undefined)[]): number {
    const key = `${text}\0${nodes.join()}`;
    let id = this.#known.get(key);
    if (id === undefined) {
      id = this.views.push({ text, nodes: text.split('\n').map((_, i) => nodes[i] ?? -1) }) - 1;
      this.#known.set(key, id);
    }
    return id;
  }
}

type PiecesOf = StageView['kernels'];

/**
 * The traced nodes that each segment's body stands for. What stands for none, as an argument that is loaded, goes with what
 * reads it; a constant with nothing, for there is one for all that use it.
 */
const bodiesOf = ({ kernels }: Program, number: ReadonlyMap<Expr, number>): BuildView['segments'] =>
  kernels.map(({ segments }) =>
    segments.map(({ body, made, reductions }) => {
      const nodes = body.map((_, i) => number.get(made[i]?.node as Expr) ?? -1);
      body.forEach((node, i) => {
        if (node.kind === 'reduction' && nodes[reductions[node.reduction]!.input] === -1)
          nodes[reductions[node.reduction]!.input] = nodes[i]!;
      });
      for (let i = body.length - 1; i >= 0; i--)
        for (const input of inputsOf(body[i]!)) if (nodes[input] === -1) nodes[input] = nodes[i]!;
      return nodes.map((node, i) => (body[i]!.kind === 'constant' ? -1 : node));
    }),
  );

/** Nodes that a kernel computes, loads left out. */
const computedBy = ({ kernels }: Program, number: ReadonlyMap<Expr, number>): Set<number>[] =>
  kernels.map(({ segments }) => {
    const all = new Set<number>();
    for (const { body, made } of segments)
      body.forEach(({ kind }, i) => {
        const node = number.get(made[i]?.node as Expr);
        if (node !== undefined && kind !== 'load') all.add(node);
      });
    return all;
  });

function sourceStage(build: number, backend: string, program: Program, source: KernelSource): StageView {
  const pieces = new Pieces();
  const kernels: PiecesOf = program.kernels.map((kernel, i) =>
    partsOf(program, kernel, source.kernels[i]!).map(({ text, nodes, segments }) => [
      pieces.add(text.replace(/\n$/, ''), nodes),
      segments.map((segment) => kernel.segments.indexOf(segment)),
    ]),
  );
  const notes: Readonly<Record<string, string>> = {
    js: 'generated JavaScript',
    wasm: 'WebAssembly text',
    reference: 'the interpreter runs the graph; these kernels stand for it',
  };
  return { title: backend, note: notes[backend] ?? 'generated source', build, pieces: pieces.views, kernels };
}

function kernelStage(program: Program): StageView {
  const pieces = new Pieces();
  const kernels: PiecesOf = program.kernels.map((kernel) =>
    partsOf(
      program,
      kernel,
      printKernel(kernel, (id) => program.buffers[id]!.name),
    ).map(({ text, nodes, segments }) => [
      pieces.add(text.replace(/\n$/, ''), nodes),
      segments.map((segment) => kernel.segments.indexOf(segment)),
    ]),
  );
  return { title: 'Kernel', note: 'fused, for any target', build: 0, pieces: pieces.views, kernels };
}

function loopStage(program: Program): StageView {
  const pieces = new Pieces();
  const texts = new Map(program.functions.map((code) => [code, printLoops(code)]));
  const kernels: PiecesOf = program.kernels.map((kernel) =>
    [...callers(program, kernel).values()].map(({ code, of }) => {
      const text = texts.get(code)!;
      return [
        pieces.add(text, withAccumulators(text, code.nodes, of)),
        of.map((segment) => kernel.segments.indexOf(segment)),
      ];
    }),
  );
  return { title: 'Loops', note: `for ${program.target.name}`, build: 0, pieces: pieces.views, kernels };
}

/** The report's own build first, then one for each other backend that is there. */
export function stagesOf(
  { program, backend, source }: Subject,
  number: ReadonlyMap<Expr, number>,
): { builds: BuildView[]; stages: StageView[] } {
  const own = computedBy(program, number);
  const builds: BuildView[] = [
    { backend: backend.name, segments: bodiesOf(program, number), match: own.map((_, i) => [i]) },
  ];
  const stages = [kernelStage(program), loopStage(program), sourceStage(0, backend.name, program, source())];
  const others: Backend[] = connectedBackends().filter(({ name }) => name !== backend.name && name !== 'reference');
  for (const other of others) {
    const refused = whyRefused(program, other);
    if (refused !== undefined) {
      builds.push({ backend: other.name, refused, segments: [], match: own.map(() => []) });
      continue;
    }
    const compiled = compileGraph(program.graph, other.target);
    const theirs = computedBy(compiled, number);
    const build = builds.push({
      backend: other.name,
      segments: bodiesOf(compiled, number),
      match: own.map((nodes) => matching(nodes, theirs)),
    });
    stages.push(sourceStage(build - 1, other.name, compiled, other.emit(compiled)));
  }
  return { builds, stages };
}

function whyRefused({ graph }: Program, backend: Backend): string | undefined {
  try {
    checkDTypes(graph, backend);
    return undefined;
  } catch (error) {
    if (error instanceof UnsupportedError) return error.message;
    throw error;
  }
}

/** The kernels that compute most of what one computes: those with at least half as much in common as the best. */
function matching(nodes: ReadonlySet<number>, theirs: readonly ReadonlySet<number>[]): number[] {
  const shared = theirs.map((others) => [...nodes].filter((node) => others.has(node)).length);
  const most = Math.max(0, ...shared);
  return most === 0 ? [] : shared.flatMap((count, i) => (count * 2 > most ? [i] : []));
}
