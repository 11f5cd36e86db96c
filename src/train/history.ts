/** What a run measured, and a picture of it. */
import { OptionError } from '../core/errors.js';
import { checkOptions, describeValue, isPlainObject } from '../core/options.js';
import { checkRange, POSITIVE } from '../core/ranges.js';

/** Numbers of a run, one an epoch. A plain object: it may be posted from a Worker, and stored as JSON. */
export interface History {
  /** The mean of the step's losses. */
  readonly loss: number[];
  /** The means of what else the step returned, by name. */
  readonly metrics: Record<string, number[]>;
  /** What `evaluate` returned, by name; a number is its `loss`. */
  readonly evaluation: Record<string, number[]>;
  /** Steps that were taken. */
  readonly steps: number;
  /** Why it ended; `'running'` until then. */
  readonly stopped: 'running' | 'finished' | 'early' | 'aborted';
}

/** Title and size of the picture. */
export interface PlotOptions {
  readonly title?: string;
  readonly width?: number;
  /** Of one panel. */
  readonly height?: number;
}

interface Line {
  readonly label: string;
  readonly values: readonly number[];
  readonly color: string;
}

const COLORS = ['#2a52be', '#d2691e'] as const;
const [LEFT, TOP, RIGHT, GAP] = [64, 44, 16, 56] as const;
const escape = (text: string): string => text.replace(/[&<>"]/g, (each) => `&#${each.charCodeAt(0)};`);

/** One panel: what the step measured under a name, and what `evaluate` did. */
function panel(name: string, lines: readonly Line[], y0: number, width: number, height: number): string {
  const finite = lines.flatMap(({ values }) => values.filter(Number.isFinite));
  const [low, high] = finite.length === 0 ? [0, 1] : [Math.min(...finite), Math.max(...finite)];
  const last = Math.max(1, ...lines.map(({ values }) => values.length - 1));
  const x = (i: number): string => (LEFT + (i * (width - LEFT - RIGHT)) / last).toFixed(1);
  const y = (value: number): string =>
    (y0 + (high === low ? height / 2 : ((high - value) * height) / (high - low))).toFixed(1);
  const drawn = lines.map(({ label, values, color }, i) => {
    // A NaN leaves a gap.
    const path = values.map((value, at) =>
      Number.isFinite(value) ? `${Number.isFinite(values[at - 1]) ? 'L' : 'M'}${x(at)} ${y(value)}` : '',
    );
    const dot = values.length === 1 && Number.isFinite(values[0]) ? ` l0.1 0` : '';
    return [
      `<path d="${path.join('')}${dot}" fill="none" stroke="${color}" stroke-width="1.5" stroke-linecap="round"/>`,
      `<text x="${width - RIGHT}" y="${y0 - 8}" dx="${-90 * (lines.length - 1 - i)}" text-anchor="end" fill="${color}">${escape(label)}</text>`,
    ].join('\n');
  });
  return [
    `<text x="${LEFT}" y="${y0 - 8}" font-weight="bold">${escape(name)}</text>`,
    `<rect x="${LEFT}" y="${y0}" width="${width - LEFT - RIGHT}" height="${height}" fill="none" stroke="#ccc"/>`,
    `<text x="${LEFT - 6}" y="${y0 + 10}" text-anchor="end">${high.toPrecision(3)}</text>`,
    `<text x="${LEFT - 6}" y="${y0 + height}" text-anchor="end">${low.toPrecision(3)}</text>`,
    `<text x="${LEFT}" y="${y0 + height + 16}">1</text>`,
    `<text x="${width - RIGHT}" y="${y0 + height + 16}" text-anchor="end">epoch ${last + 1}</text>`,
    ...drawn,
  ].join('\n');
}

/**
 * The history as an SVG document: a panel for each name, with the line of the training steps and that of `evaluate`.
 * @example
 * const step = jit((x: Tensor) => x.mean());
 * const history = await fit(step, batches(ones([4, 1]), { size: 2 }), { epochs: 2, progress: false });
 * plotHistory(history, { title: 'Iris' }).startsWith('<svg'); // true
 * @throws OptionError `OPTION_RANGE`, `UNKNOWN_OPTION`
 */
export function plotHistory(history: History, options: PlotOptions = {}): string {
  checkOptions('plotHistory', options, ['title', 'width', 'height']);
  const { title = 'Training', width = 640, height = 180 } = options;
  if (typeof (title as unknown) !== 'string')
    throw new OptionError('OPTION_RANGE', `plotHistory got title = ${describeValue(title)}`, 'title is a text.');
  checkRange('plotHistory', 'width', width, POSITIVE);
  checkRange('plotHistory', 'height', height, POSITIVE);
  const { loss, metrics, evaluation } = (history ?? {}) as Partial<History>;
  if (!Array.isArray(loss) || !isPlainObject(metrics) || !isPlainObject(evaluation))
    throw new OptionError(
      'OPTION_RANGE',
      `plotHistory got ${describeValue(history)}`,
      'Pass what fit resolves to: { loss, metrics, evaluation, … }.',
    );
  const trained: Readonly<Record<string, readonly number[]>> = { loss: history.loss, ...history.metrics };
  const names = [...new Set([...Object.keys(trained), ...Object.keys(history.evaluation)])];
  const panels = names.map((name, row) => {
    const lines = [
      { label: 'training', values: trained[name] ?? [], color: COLORS[0] },
      { label: 'evaluation', values: history.evaluation[name] ?? [], color: COLORS[1] },
    ].filter(({ values }) => values.length > 0);
    return panel(name, lines, TOP + row * (height + GAP), width, height);
  });
  const total = TOP + names.length * (height + GAP);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${total}" font-family="sans-serif" font-size="12">
<title>${escape(title)}</title>
<rect width="100%" height="100%" fill="white"/>
${panels.join('\n')}
</svg>
`;
}
