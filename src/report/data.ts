/** A report → the data of its page. */
import { type Expr, topologicalOrder } from '../core/expr.js';
import { boundariesOf } from '../compile/boundaries.js';
import { kernelReads, kernelWrites } from '../compile/kernel.js';
import { memoriesOf } from '../lower/program.js';
import type { Report } from '../runtime/report.js';
import type { Subject } from '../runtime/inspect.js';
import { computedNodes, provenanceOf } from '../runtime/provenance.js';
import { counted, operations } from '../runtime/report-text.js';
import { layOut } from './layout.js';
import { graphNodes } from './nodes.js';
import type { BoundaryView, KernelView, ReportView, TimesView } from './page-data.js';
import { stagesOf } from './stages.js';

/** What `step.profile()` gives, as far as a page shows it. */
export interface Times {
  readonly runs: number;
  readonly medianMs: number;
  readonly spreadMs: number;
  readonly kernels: readonly { readonly name: string; readonly medianMs: number; readonly spreadMs: number }[];
}

export function reportView(report: Report, subject: Subject, label: string, times: Times | undefined): ReportView {
  const { program, history } = subject;
  const { buffers } = program;
  const memories = memoriesOf(program);
  const provenance = provenanceOf(subject);
  const tracedBy = program.kernels.map(
    ({ segments }) => new Set(segments.flatMap(({ origins }) => origins.map(({ node }) => node!))),
  );
  const kernelsOf = new Map<Expr, number[]>();
  tracedBy.forEach((nodes, kernel) => {
    for (const node of nodes) kernelsOf.set(node, [...(kernelsOf.get(node) ?? []), kernel]);
  });
  const found = boundariesOf(program.simplified, program.target);
  const stored = new Set(found.flatMap(({ stored: node }) => node.origin?.node ?? []));
  const { order, number, views } = graphNodes(program, provenance, (node) => kernelsOf.get(node) ?? [], stored);

  const writers = new Map<number, number[]>();
  const readers = new Map<number, number[]>();
  program.kernels.forEach((kernel, i) => {
    for (const id of kernelWrites(kernel)) writers.set(id, [...(writers.get(id) ?? []), i]);
    for (const id of kernelReads(kernel)) readers.set(id, [...(readers.get(id) ?? []), i]);
  });
  // One row for each value and reason.
  const boundaries = new Map<string, BoundaryView>();
  for (const { buffer, stored: node, reader, rule, why } of found) {
    const to = (readers.get(buffer) ?? []).filter((kernel) => tracedBy[kernel]!.has(reader.origin!.node!));
    const key = `${buffer} ${why}`;
    const before = boundaries.get(key);
    boundaries.set(key, {
      buffer: buffers[buffer]!.name,
      bytes: buffers[buffer]!.bytes,
      from: writers.get(buffer) ?? [],
      to: [...new Set([...(before?.to ?? []), ...to])].sort((x, y) => x - y),
      node: views[number.get(node.origin!.node!)!]?.shownBy ?? -1,
      rule,
      why,
    });
  }

  const replaced = new Map(
    program.updates.flatMap(({ output, parameter, inPlace }) =>
      inPlace ? [[program.outputs[output]!, buffers[program.parameters[parameter]!]!.name]] : [],
    ),
  );
  const kernels = report.kernels.map(
    ({ name, from, inputs, outputs, launches, flops, bytesRead, bytesWritten }, i): KernelView => {
      const { segments } = program.kernels[i]!;
      const last = computedNodes(segments).at(-1);
      const written = kernelWrites(program.kernels[i]!);
      return {
        name,
        computes: counted(segments.map(operations), 2),
        from: from.map(({ path, phase, location }) => ({ path, phase, location })),
        phase: last === undefined ? 'forward' : provenance(last).phase,
        results: written.map((id) => `${buffers[id]!.dtype}[${buffers[id]!.shape.join()}]`),
        inputs,
        outputs,
        inPlace: written.flatMap((id) => replaced.get(id) ?? []),
        launches,
        flops,
        bytesRead,
        bytesWritten,
        nodes: [...tracedBy[i]!].map((node) => number.get(node)!).sort((x, y) => x - y),
      };
    },
  );
  const { threads } = report;
  return {
    name: report.name,
    label,
    backend: report.backend,
    threads: threads.count === 1 ? `1 thread: ${threads.reason}` : `${threads.count} threads`,
    peakBytes: report.peakBytes,
    arenaBytes: program.arenaBytes,
    nodes: views,
    groups: layOut(views),
    ...stagesOf(subject, number),
    kernels,
    buffers: report.buffers.map(({ name, bytes, lifetime }, i) => {
      const { id, dtype, shape, role, offset } = memories[i]!;
      return {
        name,
        type: `${dtype}[${shape.join()}]`,
        role: replaced.has(id) ? 'in place' : role,
        bytes,
        offset,
        lifetime,
      };
    }),
    boundaries: [...boundaries.values()],
    history,
    counts: {
      traced: order.length,
      simplified: topologicalOrder(program.simplified.outputs).length,
      functions: program.functions.length,
    },
    texts: [
      { title: 'Graph as traced', text: report.graph },
      { title: 'Graph as fused', text: report.simplified },
      { title: 'Buffers, kernels, updates', text: report.program },
      { title: 'Loops', text: report.loops },
    ],
    times: times && timesView(times, kernels),
  };
}

function timesView({ runs, medianMs, spreadMs, kernels: measured }: Times, kernels: readonly KernelView[]): TimesView {
  const byName = new Map(measured.map((each) => [each.name, each]));
  return {
    runs,
    medianMs,
    spreadMs,
    kernels: kernels.map(({ name, launches }) => {
      const launch = byName.get(name);
      return launch && { medianMs: launches * launch.medianMs, spreadMs: launches * launch.spreadMs };
    }),
  };
}
