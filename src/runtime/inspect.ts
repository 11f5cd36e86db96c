/** What a call compiles to, as data and as text. */
import { printGraph } from '../core/graph.js';
import { type Kernel, kernelReads, kernelWrites, segmentBytes, segmentFlops } from '../compile/kernel.js';
import { printProgram } from '../lower/program.js';
import type { Backend, ThreadCount } from './backend.js';
import type { Runner } from './runner.js';

/** One kernel of a program on one backend. */
export interface KernelReport {
  readonly name: string;
  /** Its part of the source. */
  readonly source: string;
  /** WebAssembly text, on `wasm`. */
  readonly wat?: string;
  /** Names of the buffers that it reads and writes. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Arithmetic operations. */
  readonly flops: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

export interface Report {
  readonly name: string;
  readonly backend: string;
  /** Threads of the backend now, the calling one included, and why there is only one, if so. */
  readonly threads: ThreadCount;
  /** As traced, and as it was fused. */
  readonly graph: string;
  readonly simplified: string;
  readonly kernels: readonly KernelReport[];
  /** Kernels that one call launches. */
  readonly launches: number;
  /** Bytes of parameters, results and temporaries together. */
  readonly peakBytes: number;
  /** The whole source. */
  readonly source: string;
  /** Kernels and buffers as text. */
  readonly program: string;
  toString(): string;
  /** Plain data of everything above. */
  toJSON(): Record<string, unknown>;
  /** The kernels and the buffers between them as a Graphviz graph. */
  toDot(): string;
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

export function makeReport(runner: Runner): Report {
  const { program, source, backend } = runner;
  const name = (id: number): string => program.buffers[id]!.name;
  const kernels = program.kernels.map((kernel, i): KernelReport => {
    const text = source.kernels[i]!;
    return {
      name: kernel.name,
      source: text,
      ...(source.backend === 'wasm' ? { wat: text } : {}),
      inputs: kernelReads(kernel).map(name),
      outputs: kernelWrites(kernel).map(name),
      flops: sum(kernel.segments.map(segmentFlops)),
      bytesRead: sum(kernel.segments.map((segment) => segmentBytes(segment, 'read'))),
      bytesWritten: sum(kernel.segments.map((segment) => segmentBytes(segment, 'written'))),
    };
  });
  const data = {
    name: program.name,
    backend: backend.name,
    threads: threadsOf(backend),
    graph: printGraph(program.graph),
    simplified: printGraph(program.simplified),
    kernels,
    launches: program.kernels.length,
    peakBytes: program.peakBytes,
    source: source.text,
    program: printProgram(program),
  };
  return {
    ...data,
    toString: () => reportText(data),
    toJSON: () => ({ ...data }),
    toDot: () => dot(program.name, program.kernels, name),
  };
}

function threadsOf(backend: Backend): ThreadCount {
  if (backend.threads === undefined) return { count: 1, reason: `${backend.name} runs on the calling thread` };
  const { count, reason } = backend.threads();
  return { count, reason: count > 1 ? undefined : (reason ?? 'workers start with the first program that is worth it') };
}

function reportText(report: Omit<Report, 'toString' | 'toJSON' | 'toDot'>): string {
  const { threads } = report;
  const rows = report.kernels.map(
    (kernel) =>
      `  ${kernel.name}: ${kernel.flops} flops, ${kernel.bytesRead} bytes read, ${kernel.bytesWritten} written (${kernel.inputs.length} inputs, ${kernel.outputs.length} outputs)`,
  );
  return [
    `${report.name} on ${report.backend}: ${report.launches} ${report.launches === 1 ? 'kernel' : 'kernels'}, ${report.peakBytes} bytes at peak, ${threads.count} ${threads.count === 1 ? `thread: ${threads.reason}` : 'threads'}`,
    ...rows,
    '',
    report.graph,
    '',
    report.program,
    '',
    report.source,
  ].join('\n');
}

function dot(name: string, kernels: readonly Kernel[], bufferName: (id: number) => string): string {
  const buffers = new Set(kernels.flatMap((kernel) => [...kernelReads(kernel), ...kernelWrites(kernel)]));
  const quote = (text: string): string => JSON.stringify(text);
  return [
    `digraph ${quote(name)} {`,
    ...[...buffers].map((id) => `  b${id} [shape=ellipse, label=${quote(bufferName(id))}];`),
    ...kernels.flatMap((kernel) => [
      `  ${kernel.name} [shape=box, label=${quote(`${kernel.name}: ${kernel.segments.map((segment) => segment.kind).join(', ')}`)}];`,
      ...kernelReads(kernel).map((id) => `  b${id} -> ${kernel.name};`),
      ...kernelWrites(kernel).map((id) => `  ${kernel.name} -> b${id};`),
    ]),
    '}',
  ].join('\n');
}
