/** Figures, the table of kernels, boundaries of fusion, traces, whole texts, and what differs between two reports. */
import type { Page } from './page.js';

export function tables(page: Page): void {
  const { html } = page;

  function table(head: readonly (string | [string])[], rows: readonly HTMLElement[], caption: string): HTMLElement {
    const cells = head.map((name) =>
      typeof name === 'string'
        ? html('th', { scope: 'col' }, name)
        : html('th', { scope: 'col', class: 'figure' }, name[0]),
    );
    return html(
      'div',
      { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption },
      html('table', {}, html('thead', {}, html('tr', {}, ...cells)), html('tbody', {}, ...rows)),
    );
  }
  const figure = (text: string): HTMLElement => html('td', { class: 'figure' }, text);
  const kernelLink = (kernel: number, by: string): HTMLElement =>
    html(
      'button',
      { class: `chip small ${page.report.kernels[kernel]!.phase}`, click: () => page.selectKernel(kernel, by) },
      page.report.kernels[kernel]!.name,
    );
  const some = (texts: readonly string[], most: number): string => {
    const unique = [...new Set(texts)];
    return unique.slice(0, most).join(', ') + (unique.length > most ? ` +${unique.length - most}` : '');
  };

  function drawFigures(): void {
    const { name, backend, threads, kernels, peakBytes, counts, times } = page.report;
    const sum = (of: 'flops' | 'bytesRead' | 'bytesWritten'): number =>
      kernels.reduce((total, kernel) => total + kernel.launches * kernel[of], 0);
    const [flops, bytes] = [sum('flops'), sum('bytesRead') + sum('bytesWritten')];
    page.fill('name', name);
    page.fill('backend', `on ${backend}; ${threads}`);
    const tile = (value: string, label: string): HTMLElement =>
      html('div', { class: 'tile' }, html('b', {}, value), html('span', {}, label));
    page.fill(
      'figures',
      tile(String(kernels.length), kernels.length === 1 ? 'kernel' : 'kernels'),
      tile(page.count(flops), 'flops'),
      tile(page.bytes(bytes), 'moved'),
      tile(bytes === 0 ? '–' : page.count(flops / bytes), 'flops a byte'),
      tile(page.bytes(peakBytes), 'at peak'),
      times !== undefined && tile(page.time(times.medianMs), 'a call'),
    );
    const step = (count: string, label: string, href: string): HTMLElement =>
      html('li', {}, html('a', { href }, html('b', {}, count), html('span', {}, label)));
    page.fill(
      'way',
      step(String(counts.traced), 'nodes traced', '#explore'),
      step(String(counts.simplified), 'nodes fused', '#texts'),
      step(String(kernels.length), kernels.length === 1 ? 'kernel' : 'kernels', '#kernels'),
      step(String(counts.functions), counts.functions === 1 ? 'loop function' : 'loop functions', '#stages'),
      step(backend, 'source', '#stages'),
    );
  }

  function drawKernels(): void {
    const { kernels, times } = page.report;
    const total = times?.kernels.reduce((sum, each) => sum + (each?.medianMs ?? 0), 0) ?? 0;
    const loops = kernels.some(({ launches }) => launches !== 1);
    const rows = kernels.map(({ computes, from, results, launches, flops, bytesRead, bytesWritten, inPlace }, i) => {
      const bytes = bytesRead + bytesWritten;
      const time = times?.kernels[i];
      return html(
        'tr',
        { 'data-kernel': i },
        html('td', {}, kernelLink(i, 'table')),
        html('td', {}, computes),
        html(
          'td',
          {},
          some(
            from.map(({ path, phase }) => (path === '' ? phase : `${path} ${phase}`)),
            2,
          ),
        ),
        html(
          'td',
          { class: 'mono' },
          some(
            from.flatMap(({ location }) => location ?? []),
            2,
          ),
        ),
        html('td', { class: 'mono' }, some(results, 2)),
        figure(page.count(flops)),
        figure(page.bytes(bytesRead)),
        figure(page.bytes(bytesWritten)),
        figure(bytes === 0 ? '–' : page.count(flops / bytes)),
        loops && figure(String(launches)),
        times !== undefined &&
          figure(
            time === undefined
              ? '–'
              : `${page.time(time.medianMs)} (${Math.round((100 * time.medianMs) / Math.max(total, 1e-12))} %)`,
          ),
        html('td', {}, some(inPlace, 2)),
      );
    });
    page.fill(
      'kernel-table',
      table(
        [
          'kernel',
          'computes',
          'from',
          'line',
          'results',
          ['flops'],
          ['read'],
          ['written'],
          ['flops/byte'],
          ...(loops ? [['launches'] as [string]] : []),
          ...(times === undefined ? [] : [['time'] as [string]]),
          'in place',
        ],
        rows,
        'Kernels',
      ),
    );
  }

  function drawBoundaries(): void {
    const { boundaries, nodes } = page.report;
    const groups = new Map<string, number>();
    for (const { rule } of boundaries) groups.set(rule, (groups.get(rule) ?? 0) + 1);
    const rows = boundaries.map(({ buffer, bytes, from, to, node, why }) =>
      html(
        'tr',
        {},
        html(
          'td',
          { class: 'flow' },
          ...from.map((kernel) => kernelLink(kernel, 'boundary')),
          ' → ',
          ...to.map((kernel) => kernelLink(kernel, 'boundary')),
        ),
        html(
          'td',
          {},
          node < 0
            ? ''
            : html(
                'button',
                { class: 'plain mono', click: () => page.selectNodes([node], 'boundary') },
                `${nodes[node]!.op} ${nodes[node]!.type}`,
              ),
        ),
        html('td', { class: 'mono' }, buffer),
        figure(page.bytes(bytes)),
        html('td', {}, why),
      ),
    );
    page.fill(
      'boundary-table',
      boundaries.length === 0
        ? html('p', { class: 'empty' }, 'No value goes through memory between two kernels.')
        : html(
            'p',
            { class: 'note' },
            `${new Set(boundaries.map(({ buffer }) => buffer)).size} values are written by one kernel and read by others. Each row is a place where two kernels could not be one.`,
          ),
      boundaries.length > 0 &&
        table(['kernels', 'value', 'buffer', ['size'], 'why it is in memory'], rows, 'Boundaries of fusion'),
    );
  }

  function drawHistory(): void {
    const { history } = page.report;
    const rows = history.map(({ calls, backend, reason }, i) =>
      html(
        'tr',
        {},
        figure(String(i + 1)),
        html('td', {}, calls === 0 ? 'before the first call' : `after ${calls} ${calls === 1 ? 'call' : 'calls'}`),
        html('td', {}, backend),
        html('td', {}, reason),
      ),
    );
    page.fill(
      'history-table',
      history.length === 0
        ? html(
            'p',
            { class: 'empty' },
            'The function has not been compiled for calls: this report was made without one.',
          )
        : table([['no.'], 'when', 'for', 'because'], rows, 'Traces and compiles'),
    );
  }

  function drawTexts(): void {
    page.fill(
      'text-list',
      ...page.report.texts.map(({ title, text }) =>
        html(
          'details',
          {},
          html('summary', {}, `${title}`, html('small', {}, ` ${text.split('\n').length} lines`)),
          html('pre', { tabindex: 0 }, text),
        ),
      ),
    );
  }

  // Two reports ---------------------------------------------------------------------------------------------------------
  function drawDifference(): void {
    const { difference, reports } = page.data;
    if (difference === undefined) return;
    const [a, b] = [reports[0]!, reports[1]!];
    const shown = (x: number, unit: string): string =>
      unit === 'bytes' ? page.bytes(x) : unit === 'ms' ? page.time(x) : page.count(x);
    const figures = difference.figures.map(({ name, unit, values: [x, y] }) => {
      const change =
        x === y
          ? 'same'
          : x === 0
            ? 'new'
            : `${y > x ? '+' : '−'}${Number(Math.abs((100 * (y - x)) / x).toPrecision(2))} %`;
      return html(
        'tr',
        { class: x === y ? '' : y < x ? 'less' : 'more' },
        html('td', {}, name),
        figure(shown(x, unit)),
        figure(shown(y, unit)),
        figure(change),
      );
    });
    const pairs = difference.kernels.filter(({ same }) => !same);
    const link = (report: number, kernel: number): HTMLElement => {
      if (kernel < 0) return html('td', { class: 'empty' }, '–');
      const view = reports[report]!.kernels[kernel]!;
      const press = (): void => {
        page.show(report);
        page.selectKernel(kernel, 'difference');
        document.getElementById('explore')!.scrollIntoView();
      };
      return html(
        'td',
        {},
        html('button', { class: `chip small ${view.phase}`, click: press }, view.name),
        ` ${view.computes}`,
        html('small', {}, ` ${page.count(view.flops)} flops, ${page.bytes(view.bytesRead + view.bytesWritten)}`),
      );
    };
    const same = difference.kernels.length - pairs.length;
    const rows = pairs.map(({ pair: [x, y] }) => html('tr', {}, link(0, x), link(1, y)));
    page.fill(
      'difference-body',
      html('h3', {}, 'Figures'),
      table(['', [a.label], [b.label], ['change']], figures, 'Figures'),
      html('h3', {}, 'Kernels'),
      html(
        'p',
        { class: 'note' },
        `${same} ${same === 1 ? 'kernel is' : 'kernels are'} the same in both, loops included${rows.length > 0 ? `; ${rows.length} ${rows.length === 1 ? 'differs' : 'differ'}` : ''}.`,
      ),
      rows.length > 0 && table([a.label, b.label], rows, 'Kernels that differ'),
      html('h3', {}, 'Texts'),
      ...difference.texts.map(({ title, hunks, note }, i) => {
        const lines = hunks.flatMap((hunk, at) => [
          ...(at > 0 ? [html('div', { class: 'gap' }, '⋯')] : []),
          ...hunk
            .slice(0, 2000)
            .map(([sign, line]) =>
              html(
                'div',
                { class: sign === '-' ? 'removed' : sign === '+' ? 'added' : '' },
                html('span', { class: 'sign', 'aria-hidden': 'true' }, sign),
                line,
              ),
            ),
        ]);
        return html(
          'details',
          { open: i === 0 && lines.length > 0 && lines.length < 200 },
          html('summary', {}, title, html('small', {}, ` ${note}`)),
          lines.length > 0 && html('div', { class: 'diff', tabindex: 0 }, ...lines),
        );
      }),
    );
  }

  function mark(): void {
    for (const row of document.querySelectorAll<HTMLElement>('#kernel-table tr[data-kernel]'))
      row.classList.toggle('on', Number(row.dataset['kernel']) === page.selection.kernel);
  }

  let isFirst = true;
  page.onShow.push(() => {
    drawFigures();
    if (isFirst) drawDifference();
    isFirst = false;
    page.later('kernels', () => {
      drawKernels();
      mark();
    });
    page.later('boundaries', drawBoundaries);
    page.later('history', drawHistory);
    page.later('texts', drawTexts);
  });
  page.onSelect.push(mark);
}
