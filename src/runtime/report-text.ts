/** A report as text: the page with a row a kernel, and the graph of kernels and buffers. */
import { operation } from '../core/expr.js';
import { formatSizeForm } from '../core/extent.js';
import { quoteName } from '../core/graph.js';
import { type Kernel, kernelReads, kernelWrites, type Segment } from '../compile/kernel.js';
import { hasControl, type Program, stepLines } from '../lower/program.js';
import type { KernelReport, Report } from './report.js';
import { computedNodes, type Provenance } from './provenance.js';

/** Each text once, with its number, and the number of those that found no place. */
export function counted(texts: readonly string[], most: number): string {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  const parts = [...counts].map(([text, count]) =>
    count > 1 ? `${text.includes(',') ? `(${text})` : text} ×${count}` : text,
  );
  return [...parts.slice(0, most), ...(parts.length > most ? [`+${parts.length - most}`] : [])].join(', ');
}

/** `1.57M` */
export function short(x: number): string {
  const power = ['', 'k', 'M', 'G', 'T'].findIndex((_, i) => x < 999.5 * 1000 ** i || i === 4);
  return power === 0 ? String(x) : `${Number((x / 1000 ** power).toPrecision(3))}${'kMGT'[power - 1]}`;
}

/** What a segment computes, in the user's operations: a decomposition is one. */
export const operations = (segment: Segment): string => counted(computedNodes([segment]).map(operation), 4) || 'copy';

/** `train.ts:41, 43`: a file is named where it changes. */
const lines = (from: readonly Provenance[]): string[] =>
  [...new Set(from.flatMap(({ location }) => location ?? []))].map((location, i, all) => {
    const [file, line] = location.split(':');
    return i > 0 && all[i - 1]!.startsWith(`${file}:`) ? line! : location;
  });

/** What a kernel computes, in the user's operations. */
export const computesText = ({ segments }: Kernel): string => counted(segments.map(operations), 2);
/** `encoder forward, layers.0 forward` */
export const fromText = (from: readonly Provenance[]): string =>
  counted([...new Set(from.map(({ path, phase }) => (path === '' ? phase : `${quoteName(path)} ${phase}`)))], 2);

/** A header and rows, in columns; those of numbers are aligned to the right. */
export function tableText(
  columns: readonly string[],
  rows: readonly (readonly string[])[],
  isNumber: (column: number) => boolean,
): string {
  const table = [columns, ...rows];
  const widths = columns.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  return table
    .map((row) =>
      row
        .map((cell, column) => (isNumber(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Each kernel's share of the time of all, from the milliseconds of one launch: `12 %`. */
export function sharesText(kernels: readonly Pick<KernelReport, 'launches'>[], launchMs: readonly number[]): string[] {
  const times = launchMs.map((ms, i) => ms * kernels[i]!.launches);
  const total = times.reduce((sum, ms) => sum + ms, 0);
  return times.map((ms) => `${total === 0 ? 0 : Math.round((100 * ms) / total)} %`);
}

const COLUMNS = ['kernel', 'computes', 'from', 'line', 'results', 'flops', 'bytes read', 'written', 'in place'];
/** Columns of numbers. */
const isNumber = (column: number): boolean => column >= 5 && column !== 8;

type PageData = Pick<Report, 'name' | 'backend' | 'launches' | 'peakBytes' | 'threads' | 'kernels' | 'profile'>;

/** A line for the program and one for each kernel. */
export function pageText(program: Program, report: PageData): string {
  const { threads, launches } = report;
  const times = report.profile?.kernels.map(({ medianMs }) => medianMs);
  const loops = hasControl(program);
  const shares = sharesText(report.kernels, times ?? []);
  const replaced = new Map(
    program.updates.flatMap(({ output, parameter, inPlace }) =>
      inPlace ? [[program.outputs[output]!, program.buffers[program.parameters[parameter]!]!.name]] : [],
    ),
  );
  const rows = report.kernels.map(({ name, from, launches, flops, bytesRead, bytesWritten }, i) => {
    const written = kernelWrites(program.kernels[i]!);
    const results = written.map((id) => {
      const { dtype, shape, sizes } = program.buffers[id]!;
      return `${dtype}[${shape.map((extent, axis) => (sizes?.[axis] ? formatSizeForm(sizes[axis]) : extent)).join()}]`;
    });
    return [
      name,
      computesText(program.kernels[i]!),
      fromText(from),
      counted(lines(from), 3),
      counted(results, 3),
      short(flops),
      short(bytesRead),
      short(bytesWritten),
      counted(
        written.flatMap((id) => {
          const name = replaced.get(id);
          return name === undefined ? [] : [quoteName(name)];
        }),
        3,
      ),
      ...(loops ? [String(launches)] : []),
      ...(times === undefined ? [] : [times[i]!.toPrecision(3), shares[i]!]),
    ];
  });
  const count = report.kernels.length;
  const kernels = `${count} ${count === 1 ? 'kernel' : 'kernels'}${launches === count ? '' : ` in ${launches} launches`}`;
  const workers = threads.count === 1 ? `1 thread: ${threads.reason}` : `${threads.count} threads`;
  return [
    `${quoteName(report.name)} on ${report.backend}: ${kernels}, ${report.peakBytes} bytes at peak, ${workers}`,
    '',
    tableText(
      [...COLUMNS, ...(loops ? ['launches'] : []), ...(times === undefined ? [] : ['ms', 'share'])],
      rows,
      isNumber,
    ),
    ...(loops ? ['', ...stepLines(program.steps, (id) => quoteName(program.buffers[id]!.name))] : []),
    ...report.kernels.flatMap(({ name, untiled, tiles }) => [
      ...(tiles === null ? [] : [`${name} multiplies by tiles of ${tiles}`]),
      ...(untiled === null ? [] : [`${name} multiplies without tiles: ${untiled}`]),
    ]),
  ].join('\n');
}

/** The kernels and the buffers between them for Graphviz. */
export function dotText({ name, kernels, buffers }: Program): string {
  const used = new Set(kernels.flatMap((kernel) => [...kernelReads(kernel), ...kernelWrites(kernel)]));
  const quote = (text: string): string => JSON.stringify(text);
  return [
    `digraph ${quote(name)} {`,
    ...[...used].map((id) => `  b${id} [shape=ellipse, label=${quote(buffers[id]!.name)}];`),
    ...kernels.flatMap((kernel) => [
      `  ${kernel.name} [shape=box, label=${quote(`${kernel.name}: ${counted(kernel.segments.map(operations), 3)}`)}];`,
      ...kernelReads(kernel).map((id) => `  b${id} -> ${kernel.name};`),
      ...kernelWrites(kernel).map((id) => `  ${kernel.name} -> b${id};`),
    ]),
    '}',
  ].join('\n');
}
