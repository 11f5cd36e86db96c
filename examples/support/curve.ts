/** Learning curves: in the terminal and as an SVG file. */
import { plot } from 'asciichart';

/** One line to draw. */
export interface Series {
  readonly name: string;
  readonly values: readonly number[];
}

/** Values averaged into at most `width` columns. */
function columns(values: readonly number[], width: number): number[] {
  const count = Math.min(width, values.length);
  return Array.from({ length: count }, (_, i) => {
    const [from, to] = [Math.floor((i * values.length) / count), Math.floor(((i + 1) * values.length) / count)];
    const part = values.slice(from, to);
    return part.reduce((a, b) => a + b, 0) / part.length;
  });
}

/** The series as a chart of characters. */
export function terminalChart(series: Series, width = 64, height = 10): string {
  if (series.values.length === 0) return '';
  const format = (x: number): string => x.toFixed(3).padStart(8);
  return `${series.name}\n${plot(columns(series.values, width), { height, format })}`;
}

const escapeXml = (text: string): string => text.replace(/[&<>"]/g, (each) => `&#${each.charCodeAt(0)};`);

/** The series one below the other as SVG, each with its extremes at its axis. */
export function svgChart(title: string, series: readonly Series[], width = 640, height = 200): string {
  const [left, top] = [64, 40];
  const panels = series.map(({ name, values }, row) => {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const y0 = top + row * (height + 50);
    const x = (i: number): number => left + (values.length < 2 ? 0 : (i * (width - left - 16)) / (values.length - 1));
    const y = (value: number): number => y0 + (high === low ? height / 2 : ((high - value) * height) / (high - low));
    const points = values.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
    return [
      `<text x="${left}" y="${y0 - 8}" font-weight="bold">${escapeXml(name)}</text>`,
      `<rect x="${left}" y="${y0}" width="${width - left - 16}" height="${height}" fill="none" stroke="#ccc"/>`,
      `<text x="${left - 6}" y="${y0 + 10}" text-anchor="end">${high.toPrecision(3)}</text>`,
      `<text x="${left - 6}" y="${y0 + height}" text-anchor="end">${low.toPrecision(3)}</text>`,
      `<polyline points="${points}" fill="none" stroke="#2a52be" stroke-width="1.5"/>`,
    ].join('\n');
  });
  const total = top + series.length * (height + 50);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${total}" font-family="sans-serif" font-size="12">
<title>${escapeXml(title)}</title>
<rect width="100%" height="100%" fill="white"/>
${panels.join('\n')}
</svg>
`;
}
