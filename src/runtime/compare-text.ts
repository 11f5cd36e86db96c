/** A comparison as a table, and as a bar chart. */
import type { Comparison } from './comparison.js';
import { tableText } from './report-text.js';
import { digits } from './trial.js';

type Data = Pick<Comparison, 'name' | 'tolerance' | 'backends'>;

/** `1.57M` */
function bytesText(bytes: number): string {
  const power = Math.min(4, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${digits(bytes / 1000 ** power)} ${['B', 'kB', 'MB', 'GB', 'TB'][power]}`;
}

const distanceText = (x: number): string => (x === Infinity ? '∞' : digits(x));

/** A row for each backend, then what differs. */
export function comparisonText({ name, tolerance, backends }: Data): string {
  const columns = ['backend', 'where', 'first ms', 'median ms', 'launches', 'moved', 'max abs', 'max rel', 'max ulp'];
  const rows = backends.map((row) => {
    const most = (key: 'maxAbs' | 'maxRel'): string =>
      distanceText(row.outputs.reduce((max, output) => Math.max(max, output[key]), 0));
    if (row.error !== undefined) return [row.name, 'did not run', ...columns.slice(2).map(() => '–')];
    return [
      row.name,
      row.where,
      digits(row.firstMs),
      digits(row.medianMs),
      String(row.launches),
      bytesText(row.bytesMoved),
      most('maxAbs'),
      most('maxRel'),
      distanceText(row.maxUlp),
    ];
  });
  const yardstick = backends.find(({ error }) => error === undefined)?.name ?? 'nothing';
  const notes = backends.flatMap((row) => {
    if (row.error !== undefined) return [`${row.name}: ${row.error}`];
    const first = row.firstDiffering;
    if (first === null) return [];
    const { op, path, location, ulp } = first;
    const place = [path, location].filter((part) => part !== undefined && part !== '').join(', ');
    const outputs = row.outputs.filter(({ maxUlp }) => maxUlp > tolerance);
    return [
      `${row.name} parts from ${yardstick} first at ${op}${place === '' ? '' : ` (${place})`}, by ${distanceText(ulp)} ulp; outputs:`,
      ...outputs.map(
        (each) => `  ${each.path}: ${distanceText(each.maxUlp)} ulp, ${distanceText(each.maxRel)} relative`,
      ),
    ];
  });
  return [
    `${name}: differences from ${yardstick}, tolerance ${tolerance} ulp`,
    '',
    tableText(columns, rows, (column) => column >= 2),
    ...(notes.length > 0 ? ['', ...notes] : []),
  ].join('\n');
}

const escaped = (text: string): string => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

/** Median times as horizontal bars on a logarithmic axis, which begins at the power of ten below the least. */
export function barChart({ name, backends }: Data): string {
  const [width, row, left, right] = [640, 28, 120, 110];
  const times = backends.filter(({ medianMs }) => medianMs > 0).map(({ medianMs }) => medianMs);
  const low = Math.floor(Math.log10(Math.min(...times, 1)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...times, 0.001))));
  const x = (ms: number): number => left + ((Math.log10(ms) - low) / (high - low)) * (width - left - right);
  const height = 56 + row * backends.length + 30;
  const bottom = 48 + row * backends.length;
  const ticks = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i)).map((ms) => {
    const at = x(ms).toFixed(1);
    return `<line x1="${at}" y1="44" x2="${at}" y2="${bottom}" class="grid"/><text x="${at}" y="${bottom + 18}" text-anchor="middle">${digits(ms)} ms</text>`;
  });
  const bars = backends.map((each, i) => {
    const y = 48 + row * i;
    const label = `<text x="${left - 8}" y="${y + 16}" text-anchor="end">${escaped(each.name)}</text>`;
    if (!(each.medianMs > 0)) return `${label}<text x="${left + 6}" y="${y + 16}">did not run</text>`;
    const end = Math.max(left + 2, x(each.medianMs));
    const note = each.maxUlp > 0 ? `, ${distanceText(each.maxUlp)} ulp` : '';
    return `${label}<rect x="${left}" y="${y + 3}" width="${(end - left).toFixed(1)}" height="${row - 8}" rx="2"/><text x="${(end + 6).toFixed(1)}" y="${y + 16}">${digits(each.medianMs)} ms${note}</text>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(`Median time of ${name} by backend`)}">`,
    '<style>text{font:13px system-ui,sans-serif;fill:#333}rect{fill:#3b6fb6}.grid{stroke:#ccc}.title{font-weight:600}',
    '@media(prefers-color-scheme:dark){text{fill:#ddd}rect{fill:#7aa7e8}.grid{stroke:#555}}</style>',
    `<text x="8" y="24" class="title">${escaped(name)}: median time of a call, logarithmic axis</text>`,
    ...ticks,
    ...bars,
    '</svg>\n',
  ].join('\n');
}
