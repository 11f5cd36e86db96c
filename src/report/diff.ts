/** What differs between two reports: figures, kernels, texts line by line. */
import type { DifferenceView, DiffLine, ReportView } from './page-data.js';

/** Edits that a comparison of two texts follows at most; beyond, one side replaces the other. */
const MOST_EDITS = 1500;
/** The stage of the loops among those of a report. */
const LOOPS = 1;
/** Lines that are shown around a difference. */
const AROUND = 3;

/**
 * Pairs of equal items of two lists, in order, as many as there can be (Myers, "An O(ND) Difference Algorithm and Its
 * Variations", Algorithmica 1986); undefined where more than {@link MOST_EDITS} differ.
 */
export function alignment(a: readonly string[], b: readonly string[]): (readonly [number, number])[] | undefined {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let [endA, endB] = [a.length, b.length];
  while (endA > start && endB > start && a[endA - 1] === b[endB - 1]) [endA, endB] = [endA - 1, endB - 1];
  const [n, m] = [endA - start, endB - start];
  const pairs: (readonly [number, number])[] = [];
  for (let i = 0; i < a.length - endA; i++) pairs.push([endA + i, endB + i]);
  const most = Math.min(n + m, MOST_EDITS);
  const reached = new Int32Array(2 * most + 3);
  const trail: Int32Array[] = [];
  const middle = most + 1;
  for (let edits = 0; edits <= most; edits++) {
    trail.push(reached.slice(middle - edits - 1, middle + edits + 2));
    for (let k = -edits; k <= edits; k += 2) {
      const down = k === -edits || (k !== edits && reached[middle + k - 1]! < reached[middle + k + 1]!);
      let x = down ? reached[middle + k + 1]! : reached[middle + k - 1]! + 1;
      while (x < n && x - k < m && a[start + x] === b[start + x - k]) x++;
      reached[middle + k] = x;
      if (x >= n && x - k >= m) return [...head(start), ...walkBack(trail, n, m, start).reverse(), ...pairs];
    }
  }
  return undefined;
}

const head = (count: number): (readonly [number, number])[] => Array.from({ length: count }, (_, i) => [i, i] as const);

/** The pairs of the way that `trail` found, the last first. */
function walkBack(trail: readonly Int32Array[], n: number, m: number, start: number): [number, number][] {
  const pairs: [number, number][] = [];
  let [x, y] = [n, m];
  for (let edits = trail.length - 1; edits >= 0; edits--) {
    const reached = trail[edits]!;
    const at = (k: number): number => reached[k + edits + 1]!;
    const k = x - y;
    const down = k === -edits || (k !== edits && at(k - 1) < at(k + 1));
    const fromX = edits === 0 ? 0 : down ? at(k + 1) : at(k - 1);
    const fromY = edits === 0 ? 0 : fromX - (down ? k + 1 : k - 1);
    while (x > fromX && y > fromY && x > 0 && y > 0) pairs.push([start + --x, start + --y]);
    [x, y] = [fromX, fromY];
  }
  return pairs;
}

/** Names that are numbers: of nodes, of values, of temporaries, of loop functions. */
const NUMBERED = /%\d+\b|\b[vt]\d+\b|\bs\d+(?=_)/g;
const DEFINED = /^ *(%\d+|[vt]\d+): /;

/** Whether two lines are the same but for the numbers, which `names` leads from one text to the other. */
function sameBut(left: string, right: string, names: Map<string, string>): boolean {
  const [a, b] = [left.match(NUMBERED) ?? [], right.match(NUMBERED) ?? []];
  const [from, to] = [DEFINED.exec(left)?.[1], DEFINED.exec(right)?.[1]];
  if (from !== undefined && to !== undefined) names.set(from, to);
  return a.every((name, i) => {
    if (!names.has(name)) names.set(name, b[i]!);
    return names.get(name) === b[i];
  });
}

/** The differences between two texts with some lines around each. That what follows is numbered otherwise is none. */
export function hunksOf(a: string, b: string): { hunks: DiffLine[][]; note: string } {
  if (a === b) return { hunks: [], note: 'the same' };
  const [left, right] = [a.split('\n'), b.split('\n')];
  const unnumbered = (lines: readonly string[]): string[] =>
    lines.map((line) => line.replaceAll(NUMBERED, (name) => name[0]!));
  const found = alignment(unnumbered(left), unnumbered(right));
  if (found === undefined) return { hunks: [], note: 'too much differs to be shown line by line' };
  const names = new Map<string, string>();
  const pairs = found.filter(([x, y]) => sameBut(left[x]!, right[y]!, names));
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  for (const [x, y] of [...pairs, [left.length, right.length] as const]) {
    while (i < x) lines.push(['-', left[i++]!]);
    while (j < y) lines.push(['+', right[j++]!]);
    if (x < left.length) lines.push([' ', left[i++]!]);
    j = Math.max(j, y + 1);
  }
  const near = lines.map((_, at) =>
    lines.slice(Math.max(0, at - AROUND), at + AROUND + 1).some(([sign]) => sign !== ' '),
  );
  const hunks: DiffLine[][] = [];
  lines.forEach((line, at) => {
    if (!near[at]!) return;
    if (at === 0 || !near[at - 1]!) hunks.push([]);
    hunks.at(-1)!.push(line);
  });
  const [removed, added] = (['-', '+'] as const).map((sign) => lines.filter((line) => line[0] === sign).length);
  return { hunks, note: hunks.length === 0 ? 'the same but for numbers' : `−${removed} +${added} lines` };
}

/** The loops of a kernel and the amount of its work: what runs, whatever functions and buffers are called. */
function kernelText({ kernels, stages }: ReportView, kernel: number): string {
  const { flops, bytesRead, bytesWritten } = kernels[kernel]!;
  const { kernels: texts, pieces } = stages[LOOPS]!;
  const loops = texts[kernel]!.map(([piece]) => pieces[piece]!.text.replace(/^s\d+/, ''));
  return [flops, bytesRead, bytesWritten, ...loops].join('\n');
}

/** Kernels that compute the same at the same place of the program, side by side. */
function kernelPairs(a: ReportView, b: ReportView): DifferenceView['kernels'] {
  const keys = ({ kernels }: ReportView): string[] =>
    kernels.map(({ computes, from }) => `${computes} ${from.map(({ path, phase }) => `${path} ${phase}`).join()}`);
  const pairs = alignment(keys(a), keys(b)) ?? [];
  const rows: { pair: [number, number]; same: boolean }[] = [];
  let [i, j] = [0, 0];
  const alone = (x: number, y: number): void => {
    // What stands between two pairs goes side by side, as far as both have some.
    while (i < x && j < y) rows.push({ pair: [i++, j++], same: false });
    while (i < x) rows.push({ pair: [i++, -1], same: false });
    while (j < y) rows.push({ pair: [-1, j++], same: false });
  };
  for (const [x, y] of pairs) {
    alone(x, y);
    rows.push({ pair: [i++, j++], same: kernelText(a, x) === kernelText(b, y) });
  }
  alone(a.kernels.length, b.kernels.length);
  return rows;
}

export function differenceOf(a: ReportView, b: ReportView): DifferenceView {
  const sum = ({ kernels }: ReportView, of: 'flops' | 'bytesRead' | 'bytesWritten'): number =>
    kernels.reduce((total, kernel) => total + kernel.launches * kernel[of], 0);
  const figure = (
    name: string,
    unit: '' | 'bytes' | 'ms',
    of: (report: ReportView) => number,
  ): DifferenceView['figures'][number] => ({ name, unit, values: [of(a), of(b)] });
  return {
    figures: [
      figure('kernels', '', ({ kernels }) => kernels.length),
      figure('nodes traced', '', ({ counts }) => counts.traced),
      figure('nodes fused', '', ({ counts }) => counts.simplified),
      figure('loop functions', '', ({ counts }) => counts.functions),
      figure('flops', '', (report) => sum(report, 'flops')),
      figure('read', 'bytes', (report) => sum(report, 'bytesRead')),
      figure('written', 'bytes', (report) => sum(report, 'bytesWritten')),
      figure('memory at peak', 'bytes', ({ peakBytes }) => peakBytes),
      figure('temporaries', 'bytes', ({ arenaBytes }) => arenaBytes),
      ...(a.times !== undefined && b.times !== undefined
        ? [figure('a call', 'ms', ({ times }) => times!.medianMs)]
        : []),
    ],
    kernels: kernelPairs(a, b),
    texts: a.texts.map(({ title, text }, i) => ({ title, ...hunksOf(text, b.texts[i]!.text) })),
  };
}
