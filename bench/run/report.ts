/** Figures as text, as Markdown and as JSON. */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Benchmark } from '../work/benchmark.js';
import { aligned } from './columns.js';
import type { Machine } from './machine.js';
import type { Effort, Measurement } from './measure.js';
import { findingRow } from './probes.js';
import type { TargetRow } from './targets.js';

export interface Results {
  readonly machine: Machine;
  readonly effort: Effort;
  readonly benchmarks: readonly Benchmark[];
  readonly measurements: readonly Measurement[];
  readonly findings: Readonly<Record<string, number | string>>;
  readonly targets: readonly TargetRow[];
  /** The files' name, and the arguments that they came from. */
  readonly name: string;
  readonly command: string;
}

/** A time in the unit in which it has one to three digits before the point. */
export function duration(milliseconds: number): string {
  const units = [
    [1000, 's'],
    [1, 'ms'],
    [1e-3, 'µs'],
    [1e-6, 'ns'],
  ] as const;
  const [factor, unit] = units.find(([each]) => milliseconds >= each) ?? units[3];
  return `${(milliseconds / factor).toPrecision(3)} ${unit}`;
}

const HEADINGS = ['', 'median', 'p10 – p90', 'quiet', 'GFLOP/s quiet', '÷ Lazuli', 'result'] as const;

/** One row for each contestant; "÷ Lazuli" is its median over that of Lazuli's `wasm`, or `js` where there is none. */
function rows(benchmark: Benchmark, measurements: readonly Measurement[]): string[][] {
  const own = ['wasm', 'js'].map((id) => measurements.find((each) => each.contestant === id)?.time).find(Boolean);
  return measurements
    .filter(({ missing }) => missing !== 'not written for it')
    .map(({ title, mode, time, missing, correct, error, note }) => {
      const name = mode === undefined || mode === '' ? title : `${title} (${mode})`;
      if (time === undefined) return [name, '', '', '', '', '', missing ?? 'no figures'];
      const verdict = correct === true ? 'right' : `wrong by ${((error ?? 0) * 100).toPrecision(2)} %`;
      return [
        name,
        duration(time.median),
        `${duration(time.p10)} – ${duration(time.p90)}`,
        duration(time.quiet),
        benchmark.flops === undefined ? '' : (benchmark.flops / time.quiet / 1e6).toPrecision(3),
        own === undefined ? '' : `${(time.median / own.median).toPrecision(3)} ×`,
        note === undefined ? verdict : `${verdict}; ${note}`,
      ];
    });
}

export function measurementLines(benchmark: Benchmark, measurements: readonly Measurement[]): string[] {
  const table = [[...HEADINGS], ...rows(benchmark, measurements)];
  return [benchmark.id, ...aligned(table).map((line) => `  ${line}`)];
}

const escaped = (cell: string): string => cell.replaceAll('|', '\\|');
const markdownTable = (headings: readonly string[], body: readonly (readonly string[])[]): string =>
  [headings, headings.map(() => '---'), ...body].map((row) => `| ${row.map(escaped).join(' | ')} |`).join('\n');

function markdown(results: Results): string {
  const { machine, effort, benchmarks, measurements, findings, targets, name, command } = results;
  const versions = [...new Set(measurements.flatMap(({ version }) => (version === undefined ? [] : [version])))];
  return [
    TITLES[name]!,
    `\`${command}\` wrote this page on ${machine.date}: ${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, load ${machine.load} before the start.`,
    `Contestants: ${versions.join('; ')}.`,
    `Each has a process of its own; they take turns in bursts of about ${effort.burst} ms, ${effort.seconds} s for each work. ` +
      'Medians of the bursts, the 10th and 90th percentile, and the 1st ("quiet": the machine with nobody else on it). ' +
      (name === 'LAYERS'
        ? "Results are compared with PyTorch's in the same run. "
        : "Every contestant's results are compared with plain loops in f64 in the same run. ") +
      'Adadelta of TensorFlow.js divides by the accumulator before the update instead of the new one, so its results ' +
      'are wrong; its times are those of its own optimizer. "÷ Lazuli" is a contestant\'s median over that of Lazuli\'s ' +
      'wasm (of js where wasm took no part): above 1, Lazuli is faster.',
    '## Targets',
    '"Measured" and "met" go by medians (GFLOP/s by the quiet percentile); "quiet" is the same figure from quiet percentiles.',
    markdownTable(
      ['target', 'goal', 'measured', 'quiet', 'met'],
      targets.map(({ name, goal, measured, quiet, met }) => [name, goal, measured, quiet, met]),
    ),
    ...benchmarks.flatMap((benchmark) => [
      `## ${benchmark.id}`,
      markdownTable(
        HEADINGS,
        rows(
          benchmark,
          measurements.filter(({ work }) => work === benchmark.id),
        ),
      ),
    ]),
    '## In processes of their own',
    'What takes no turns with others: each was measured in a process that does nothing else.',
    markdownTable(
      ['contestant', 'what', 'found'],
      Object.entries(findings).map(([name, value]) => findingRow(name, value)),
    ),
    '',
  ].join('\n\n');
}

const TITLES: Readonly<Record<string, string>> = {
  RESULTS: '# Lazuli beside its peers',
  NATIVE: '# The native backend beside its peers',
  LAYERS: '# Layers beside their peers',
};

/** Writes bench/RESULTS.md and bench/results.json, or others' of another name, formatted as the repository's other files. */
export async function writeResults(results: Results): Promise<void> {
  const { format, resolveConfig } = await import('prettier');
  const file = (each: string): string => fileURLToPath(new URL(`../${each}`, import.meta.url));
  const { machine, effort, measurements, findings, targets, name } = results;
  const [page, data] = [`${name}.md`, `${name.toLowerCase()}.json`];
  const options = { ...(await resolveConfig(file(page))) };
  const json = JSON.stringify({ machine, effort, targets, measurements, findings });
  await writeFile(file(page), await format(markdown(results), { ...options, parser: 'markdown' }));
  await writeFile(file(data), await format(json, { ...options, parser: 'json' }));
  console.log(`\nwrote bench/${page} and bench/${data}`);
}
