/** Memory over the program, the roofline and the timeline. */
import type { TimesView } from '../page-data.js';
import type { Page } from './page.js';

export function charts(page: Page): void {
  const { html, svg } = page;
  const WIDTH = 1180;
  const LEFT = 190;
  /** Rows of buffers at first. */
  const ROWS = 40;
  let all = false;

  /** Round numbers from 0 to about `most`, of powers of 10, or for bytes of 1024. */
  function ticks(most: number, count: number, base: number, steps: readonly number[]): number[] {
    if (most <= 0) return [0];
    const rough = most / count;
    const power = base ** Math.floor(Math.log(rough) / Math.log(base));
    const step = (steps.find((each) => each * power >= rough) ?? base) * power;
    return Array.from({ length: Math.floor(most / step) + 1 }, (_, i) => i * step);
  }
  /** The end of a path that has room. */
  const shortName = (name: string, most: number): string => {
    let rest = name;
    while (rest.length > most && rest.includes('.')) rest = rest.slice(rest.indexOf('.') + 1);
    return rest.length > most ? `…${rest.slice(1 - most)}` : rest;
  };
  const text = (x: number, y: number, words: string, anchor = 'start', name = ''): SVGElement =>
    svg('text', { x, y, 'text-anchor': anchor, class: name }, words);
  const picture = (height: number, label: string, ...children: SVGElement[]): SVGElement =>
    svg('svg', { viewBox: `0 0 ${WIDTH} ${height}`, class: 'chart', role: 'group', 'aria-label': label }, ...children);

  function drawMemory(): void {
    const { buffers, kernels, peakBytes, arenaBytes } = page.report;
    const count = Math.max(1, kernels.length);
    const at = (position: number): number => LEFT + ((WIDTH - LEFT - 70) * position) / count;
    // Bytes that are in use while each kernel runs; a parameter and its update in place are one memory.
    const live = kernels.map((_, i) =>
      buffers.reduce(
        (sum, { role, bytes, lifetime: [first, last] }) =>
          sum + (role !== 'in place' && first <= i && i <= last ? bytes : 0),
        0,
      ),
    );
    const most = Math.max(1, ...live);
    const top = 96;
    const area = live
      .map((bytes, i) => `${at(i)},${top - (bytes / most) * 76} ${at(i + 1)},${top - (bytes / most) * 76}`)
      .join(' ');
    const axis = ticks(most, 3, 1024, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]).flatMap((bytes) => {
      const y = top - (bytes / most) * 76;
      return [
        svg('line', { x1: LEFT, x2: WIDTH - 70, y1: y, y2: y, class: 'grid' }),
        text(LEFT - 8, y + 4, page.bytes(bytes), 'end', 'tick'),
      ];
    });
    const shown = [...buffers].map((buffer, i) => ({ ...buffer, i })).filter(({ role }) => role !== 'in place');
    const temporaries = shown
      .filter(({ role }) => role === 'temporary' || role === 'scratch')
      .sort((a, b) => a.lifetime[0] - b.lifetime[0] || a.offset - b.offset);
    const others = shown
      .filter(({ role }) => role === 'output' || role === 'parameter')
      .sort((a, b) => b.bytes - a.bytes);
    const order = [...temporaries, ...others];
    const rows = all ? order : order.slice(0, ROWS);
    /** Dots of neighbours stay apart. */
    const dot = Math.min(1, (at(1) - at(0)) / 6);
    const largest = Math.max(1, ...order.map(({ bytes }) => bytes));
    const bars = rows.flatMap(({ name, type, role, bytes, lifetime: [first, last] }, row) => {
      const y = top + 34 + row * 18;
      // The area of a bar grows with the bytes; the smallest can still be seen.
      const height = 3 + 11 * Math.sqrt(bytes / largest);
      const uses = page.report.kernels.flatMap(({ inputs, outputs }, i) => [
        ...(inputs.includes(name) ? [[i, 'read'] as const] : []),
        ...(outputs.includes(name) ? [[i, 'written'] as const] : []),
      ]);
      return [
        text(LEFT - 8, y + 4, shortName(name, 26), 'end', 'label'),
        svg(
          'g',
          {
            class: `bar ${role}`,
            tabindex: -1,
            role: 'button',
            'aria-label': `${name}, ${type}, ${role}, ${page.bytes(bytes)}, from ${kernels[first]?.name ?? 'k0'} to ${kernels[last]?.name ?? 'the end'}`,
            click: () =>
              page.selectKernel(uses.find(([, how]) => how === 'written')?.[0] ?? uses[0]?.[0] ?? first, 'memory'),
          },
          svg('title', {}, `${name}: ${type}, ${page.bytes(bytes)}, ${role}`),
          svg('rect', {
            x: at(first),
            y: y - height / 2,
            width: Math.max(3, at(last + 1) - at(first)),
            height,
            rx: Math.min(3, height / 2),
          }),
          ...uses.map(([i, how]) =>
            svg('circle', { cx: (at(i) + at(i + 1)) / 2, cy: y, r: dot * (how === 'written' ? 3 : 2), class: how }),
          ),
        ),
        text(WIDTH - 62, y + 4, page.bytes(bytes), 'start', 'tick'),
      ];
    });
    const every = Math.ceil(count / 24);
    const names = kernels.flatMap(({ name }, i) =>
      i % every === 0 ? [text((at(i) + at(i + 1)) / 2, top + 16, name, 'middle', 'tick')] : [],
    );
    const height = top + 40 + rows.length * 18;
    const drawing = picture(
      height,
      'Buffers as bars from the first kernel that uses them to the last',
      ...axis,
      svg('polygon', { points: `${at(0)},${top} ${area} ${at(count)},${top}`, class: 'area' }),
      ...names,
      ...bars,
    );
    page.fill(
      'memory-chart',
      html(
        'p',
        { class: 'note' },
        `${page.bytes(peakBytes)} at peak, of which ${page.bytes(arenaBytes)} are one arena that temporaries share. A dot is a kernel that writes (filled) or reads the buffer.`,
      ),
      drawing,
      order.length > ROWS &&
        html(
          'button',
          {
            class: 'plain',
            click: () => {
              all = !all;
              drawMemory();
            },
          },
          all ? 'Show fewer' : `Show all ${order.length} buffers`,
        ),
    );
    const list = [...drawing.querySelectorAll<SVGElement>('.bar')];
    if (list.length > 0) page.walk(drawing, list);
  }

  interface Point {
    readonly kernel: number;
    readonly ms: number;
    /** Flops a byte, and 10⁹ flops a second. */
    readonly x: number;
    readonly y: number;
  }

  const pointsOf = ({ kernels, times }: Page['report']): Point[] =>
    kernels.flatMap(({ launches, flops, bytesRead, bytesWritten }, kernel) => {
      const ms = times?.kernels[kernel]?.medianMs ?? 0;
      const bytes = bytesRead + bytesWritten;
      return ms > 0 && flops > 0 && bytes > 0
        ? [{ kernel, ms, x: flops / bytes, y: (launches * flops) / ms / 1e6 }]
        : [];
    });

  function drawRoofline(points: readonly Point[]): void {
    const { kernels } = page.report;
    const [width, height] = [WIDTH, 420];
    const decades = (values: readonly number[]): [number, number] => [
      Math.floor(Math.log10(Math.min(...values))),
      Math.ceil(Math.log10(Math.max(...values)) + 0.15),
    ];
    const [x0, x1] = decades(points.map(({ x }) => x));
    const [y0, y1] = decades(points.map(({ y }) => y));
    const px = (x: number): number => 70 + ((width - 110) * (Math.log10(x) - x0)) / Math.max(1, x1 - x0);
    const py = (y: number): number => height - 44 - ((height - 70) * (Math.log10(y) - y0)) / Math.max(1, y1 - y0);
    const peak = Math.max(...points.map(({ y }) => y));
    const bandwidth = Math.max(...points.map(({ x, y }) => y / x));
    const ridge = peak / bandwidth;
    const from = 10 ** x0;
    const longest = Math.max(...points.map(({ ms }) => ms));
    const grid = [
      ...Array.from({ length: x1 - x0 + 1 }, (_, i) => 10 ** (x0 + i)).flatMap((x) => [
        svg('line', { x1: px(x), x2: px(x), y1: py(10 ** y0), y2: py(10 ** y1), class: 'grid' }),
        text(px(x), height - 26, page.count(x), 'middle', 'tick'),
      ]),
      ...Array.from({ length: y1 - y0 + 1 }, (_, i) => 10 ** (y0 + i)).flatMap((y) => [
        svg('line', { x1: px(from), x2: px(10 ** x1), y1: py(y), y2: py(y), class: 'grid' }),
        text(62, py(y) + 4, page.count(y), 'end', 'tick'),
      ]),
    ];
    const start = Math.max(from, 10 ** y0 / bandwidth);
    const roof = svg('path', {
      class: 'roof',
      d: `M${px(start)},${py(start * bandwidth)}L${px(Math.max(start, ridge))},${py(peak)}L${px(10 ** x1)},${py(peak)}`,
    });
    const sorted = [...points].sort((a, b) => b.ms - a.ms);
    const radiusOf = ({ ms }: Point): number => 4 + 10 * Math.sqrt(ms / longest);
    const dots = sorted.map((point) => {
      const { kernel, ms, x, y } = point;
      const { name, phase, computes } = kernels[kernel]!;
      return svg(
        'g',
        {
          class: `dot ${phase}`,
          tabindex: -1,
          role: 'button',
          'data-kernel': kernel,
          'aria-label': `${name}, ${computes}: ${page.count(x)} flops a byte, ${page.count(y)} gigaflops a second, ${page.time(ms)}`,
          click: () => page.selectKernel(kernel, 'roofline'),
        },
        svg(
          'title',
          {},
          `${name}: ${computes}\n${page.count(x)} flops a byte, ${page.count(y)} GFLOP/s, ${page.time(ms)}`,
        ),
        svg('circle', { cx: px(x), cy: py(y), r: radiusOf(point) }),
      );
    });
    // Names beside their dots, the longest kernels first, where there is room.
    const taken: [number, number][] = sorted.map(({ x, y }) => [px(x), py(y)]);
    const names = sorted.flatMap((point) => {
      const { name } = kernels[point.kernel]!;
      const [cx, cy, far] = [px(point.x), py(point.y), radiusOf(point) + 5];
      const half = name.length * 3.4;
      const place = (
        [
          [far + half, 0],
          [0, -far - 5],
          [0, far + 6],
          [-far - half, 0],
        ] as const
      ).find(([dx, dy]) =>
        taken.every(
          ([x, y]) => (x === cx && y === cy) || Math.abs(x - cx - dx) > half + 9 || Math.abs(y - cy - dy) > 11,
        ),
      );
      if (place === undefined) return [];
      taken.push([cx + place[0], cy + place[1]]);
      return [text(cx + place[0], cy + place[1] + 4, name, 'middle', 'label halo')];
    });
    const drawing = picture(
      height,
      'Roofline: work a byte against speed',
      ...grid,
      roof,
      text(
        px(Math.max(start, ridge)) + 10,
        py(peak) - 8,
        `${page.count(peak)} GFLOP/s, the most reached here`,
        'start',
        'tick halo',
      ),
      text(
        px(Math.max(start * 1.08, Math.sqrt(start * ridge))) - 12,
        py(Math.max(start * 1.08, Math.sqrt(start * ridge)) * bandwidth) - 8,
        `${page.count(bandwidth)} GB/s`,
        'end',
        'tick',
      ),
      text(width / 2, height - 6, 'flops a byte', 'middle', 'tick'),
      text(70, 14, 'GFLOP/s', 'middle', 'tick'),
      ...dots,
      ...names,
    );
    page.fill(
      'roofline-chart',
      html(
        'p',
        { class: 'note' },
        'A dot is a kernel, its area the time that it takes. The roof is made of the highest speed and the highest bandwidth that a kernel of this program reached: on its slope a kernel waits for memory, under its flat part it computes.',
      ),
      drawing,
    );
    const list = [...drawing.querySelectorAll<SVGElement>('.dot')];
    page.walk(drawing, list);
  }

  function drawTimeline(times: TimesView): void {
    const { kernels } = page.report;
    const total = times.kernels.reduce((sum, each) => sum + (each?.medianMs ?? 0), 0);
    const at = (ms: number): number => 20 + ((WIDTH - 40) * ms) / Math.max(total, 1e-9);
    let before = 0;
    const blocks = kernels.flatMap(({ name, computes, phase }, kernel) => {
      const time = times.kernels[kernel];
      if (time === undefined) return [];
      const [x, width] = [at(before), at(before + time.medianMs) - at(before)];
      before += time.medianMs;
      return [
        svg(
          'g',
          {
            class: `block ${phase}`,
            'data-kernel': kernel,
            tabindex: -1,
            role: 'button',
            'aria-label': `${name}, ${computes}: ${page.time(time.medianMs)}, spread ${page.time(time.spreadMs)}`,
            click: () => page.selectKernel(kernel, 'timeline'),
          },
          svg(
            'title',
            {},
            `${name}: ${computes}\n${page.time(time.medianMs)} ± ${page.time(time.spreadMs)}, ${Math.round((100 * time.medianMs) / total)} %`,
          ),
          svg('rect', { x, y: 26, width: Math.max(1.5, width - 1), height: 44, rx: 3 }),
          ...(width > name.length * 7 + 8 ? [text(x + width / 2, 45, name, 'middle', 'label')] : []),
          ...(width > 62 ? [text(x + width / 2, 61, page.time(time.medianMs), 'middle', 'tick')] : []),
        ),
      ];
    });
    const axis = ticks(total, 8, 10, [1, 2, 5]).flatMap((ms) => [
      svg('line', { x1: at(ms), x2: at(ms), y1: 20, y2: 78, class: 'grid' }),
      text(at(ms), 92, page.time(ms), 'middle', 'tick'),
    ]);
    const drawing = picture(100, 'Kernels in their order, as long as they take', ...axis, ...blocks);
    page.fill(
      'timeline-chart',
      html(
        'p',
        { class: 'note' },
        `Medians of ${times.runs} runs, ${page.time(total)} in kernels; a call takes ${page.time(times.medianMs)} ± ${page.time(times.spreadMs)}.`,
      ),
      drawing,
    );
    const list = [...drawing.querySelectorAll<SVGElement>('.block')];
    page.walk(drawing, list);
  }

  function mark(): void {
    for (const each of document.querySelectorAll('#roofline .dot, #timeline .block')) {
      each.classList.toggle('on', Number((each as SVGElement).dataset['kernel']) === page.selection.kernel);
    }
  }

  page.onShow.push(() => {
    all = false;
    page.later('memory', drawMemory);
    const { times } = page.report;
    const points = pointsOf(page.report);
    const timed = (id: string, has: boolean, draw: () => void): void => {
      document.getElementById(id)!.hidden = !has;
      document.querySelector<HTMLElement>(`nav [href="#${id}"]`)!.hidden = !has;
      if (has)
        page.later(id, () => {
          draw();
          mark();
        });
    };
    timed('roofline', points.length > 0, () => drawRoofline(points));
    timed('timeline', times?.kernels.some((each) => each !== undefined) === true, () => drawTimeline(times!));
  });
  page.onSelect.push(mark);
}
