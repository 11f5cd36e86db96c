/** The user's lines, the kernels as a strip, and the selected kernel at every stage, with colours. */
import type { StageView } from '../page-data.js';
import type { Page } from './page.js';

export function code(page: Page): void {
  const { html } = page;
  /** Lines that a panel shows, and those that are written at once after them. */
  const SEEN = 40;
  const SLICE = 150;

  // Colours -------------------------------------------------------------------------------------------------------------
  const TOKENS =
    /(\/\/.*|;;.*)|("(?:[^"\\]|\\.)*")|\b((?:function|const|let|for|if|else|return|func|param|local|result|type|loop|block|end|br_if|br|call|kernel|map|reduce|contraction|scan|scatter|graph|in|by|min|epilogue|contract|over|store|program|buffers|updates)(?![\w.]))|\b((?:[fiv](?:32|64|128|8|16)(?:x\d+)?|bool|u32|local|global|memory|v128)\.[\w.]+)|\b((?:f32|f64|i32|u32|bool|number|v128)(?:×\d+)?)\b|(-?\b(?:0x[\da-f]+|\d+\.?\d*(?:e[-+]?\d+)?)\b|\b(?:Infinity|NaN)\b)|([%$][\w.]+)/g;
  const CLASSES = ['c', 's', 'k', 'o', 't', 'n', 'd'];
  function coloured(line: string): Node[] {
    const out: Node[] = [];
    let from = 0;
    for (const match of line.matchAll(TOKENS)) {
      if (match.index > from) out.push(document.createTextNode(line.slice(from, match.index)));
      const which = match.slice(1).findIndex((group) => group !== undefined);
      out.push(html('span', { class: CLASSES[which]! }, match[0]));
      from = match.index + match[0].length;
    }
    if (from < line.length) out.push(document.createTextNode(line.slice(from)));
    return out;
  }

  interface Row {
    readonly element: HTMLElement;
    readonly nodes: readonly number[];
  }
  let rows: Row[] = [];
  let userRows: (Row & { readonly location: string })[] = [];
  let shownKernel: number | undefined;

  const drawnBy = (nodes: Iterable<number>): number[] => [
    ...new Set(
      [...nodes].flatMap((node) => (node < 0 ? [] : page.report.nodes[node]!.shownBy)).filter((node) => node >= 0),
    ),
  ];

  function lineRow(number: string, text: string, nodes: readonly number[], by: string): Row {
    const element = html(
      'div',
      { class: nodes.length > 0 ? 'row link' : 'row' },
      html('span', { class: 'number' }, number),
      html('code', {}, ...coloured(text)),
    );
    if (nodes.length > 0) {
      element.setAttribute('role', 'button');
      element.setAttribute('tabindex', '-1');
      element.addEventListener('click', () => page.selectNodes(nodes, by));
    }
    return { element, nodes };
  }

  // The user's program --------------------------------------------------------------------------------------------------
  function drawProgram(): void {
    const byLocation = new Map<string, number[]>();
    page.report.nodes.forEach(({ location, shownBy }, i) => {
      if (location === undefined || shownBy !== i) return;
      byLocation.set(location, [...(byLocation.get(location) ?? []), i]);
    });
    const files = [...new Set([...byLocation.keys()].map((location) => location.split(':')[0]!))].sort();
    userRows = [];
    const parts: HTMLElement[] = [];
    for (const file of files) {
      const lines = [...byLocation]
        .filter(([location]) => location.startsWith(`${file}:`))
        .map(([location, nodes]) => ({ location, line: Number(location.split(':')[1]), nodes }))
        .sort((a, b) => a.line - b.line);
      parts.push(html('h4', {}, file));
      const source = page.data.sources[file]?.split('\n');
      const summary = (nodes: readonly number[]): string => {
        const counts = new Map<string, number>();
        for (const node of nodes)
          counts.set(page.report.nodes[node]!.op, (counts.get(page.report.nodes[node]!.op) ?? 0) + 1);
        const all = [...counts].map(([op, count]) => (count > 1 ? `${op} ×${count}` : op));
        return all.slice(0, 6).join(', ') + (all.length > 6 ? `, +${all.length - 6}` : '');
      };
      const push = (line: number, text: string, nodes: readonly number[]): void => {
        const row = lineRow(String(line), text, nodes, 'program');
        if (nodes.length > 0) {
          row.element.setAttribute('aria-label', `${file} line ${line}: ${summary(nodes)}`);
          row.element.title = summary(nodes);
          userRows.push({ ...row, location: `${file}:${line}` });
        }
        parts.push(row.element);
      };
      if (source === undefined) for (const { line, nodes } of lines) push(line, summary(nodes), nodes);
      else {
        const at = new Map(lines.map(({ line, nodes }) => [line, nodes]));
        source.forEach((text, i) => push(i + 1, text, at.get(i + 1) ?? []));
      }
    }
    if (files.length === 0)
      parts.push(
        html(
          'p',
          { class: 'empty' },
          'The lines of the program are not known here: its files were merged by a bundler, or the function gives another program now.',
        ),
      );
    const list = page.fill('program', html('div', { class: 'lines' }, ...parts));
    page.walk(
      list,
      userRows.map(({ element }) => element),
    );
  }

  // Kernels -------------------------------------------------------------------------------------------------------------
  function drawStrip(): void {
    const { kernels, times } = page.report;
    const weigh = (i: number): number =>
      times?.kernels[i]?.medianMs ?? kernels[i]!.bytesRead + kernels[i]!.bytesWritten;
    const total = kernels.reduce((sum, _, i) => sum + weigh(i), 0);
    const buttons = kernels.map(({ name, computes, phase }, i) =>
      html(
        'button',
        {
          class: `chip ${phase}`,
          style: `flex-grow:${Math.max(0.02, total === 0 ? 1 : weigh(i) / total)}`,
          title: `${name}: ${computes}`,
          'aria-label': `${name}: ${computes}`,
          'aria-pressed': 'false',
          'data-kernel': i,
          click: () => page.selectKernel(i, 'strip'),
        },
        name,
      ),
    );
    page.walk(page.fill('strip', ...buttons), buttons);
  }

  // Stages --------------------------------------------------------------------------------------------------------------
  let visible: Set<number> | undefined;
  function drawChoices(): void {
    const { stages, builds } = page.report;
    visible = new Set([...(visible ?? [])].filter((i) => i < stages.length));
    if (visible.size === 0) stages.forEach((_, i) => i > 0 && visible!.size < 3 && visible!.add(i));
    page.fill(
      'stage-choice',
      ...stages.map(({ title }, i) => {
        const box = html('input', {
          type: 'checkbox',
          checked: visible!.has(i),
          change: () => {
            if (!visible!.delete(i)) visible!.add(i);
            drawStages(true);
          },
        });
        return html('label', {}, box, ` ${title}`);
      }),
      ...builds.flatMap(({ backend, refused }) =>
        refused === undefined ? [] : [html('span', { class: 'refused', title: refused }, `not on ${backend}`)],
      ),
    );
  }

  /** Counts the kernels that were shown, so that what is still to be written of a former one is dropped. */
  let turn = 0;

  function stagePanel(stage: StageView, kernel: number): HTMLElement {
    const build = page.report.builds[stage.build]!;
    const matched = build.match[kernel]!;
    const writers: (() => void)[] = [];
    const body = html('div', { class: 'lines' });
    const panel = html(
      'div',
      {
        class: 'code',
        tabindex: 0,
        role: 'region',
        'aria-label': `${stage.title} of the kernel`,
      },
      body,
    );
    const links: HTMLElement[] = [];
    let count = 0;
    for (const each of matched) {
      if (matched.length > 1)
        writers.push(() => body.append(html('h4', {}, `kernel ${each + 1} of ${build.segments.length}`)));
      for (const [piece, segments] of stage.kernels[each]!) {
        const { text, nodes } = stage.pieces[piece]!;
        text.split('\n').forEach((line, i) => {
          const number = String(++count);
          writers.push(() => {
            const node = nodes[i]!;
            const linked =
              node < 0 ? [] : drawnBy(segments.map((segment) => build.segments[each]![segment]![node] ?? -1));
            const row = lineRow(number, line, linked, `stage ${stage.title}`);
            rows.push(row);
            body.append(row.element);
            if (linked.length > 0) links.push(row.element);
          });
        });
      }
    }
    if (matched.length === 0)
      body.append(html('p', { class: 'empty' }, 'No kernel of this backend computes the same.'));
    page.walk(panel, links);
    // A contraction has thousands of lines of WebAssembly: first what is seen, then the rest.
    const mine = turn;
    const write = (from: number, to: number): void => {
      if (mine !== turn) return;
      for (const each of writers.slice(from, to)) each();
      if (to < writers.length) page.whenIdle(() => write(to, to + SLICE));
      else if (from > 0) mark();
    };
    write(0, SEEN);
    return html(
      'section',
      { class: 'stage' },
      html('h3', {}, stage.title, html('small', {}, `${stage.note} · ${count} lines`)),
      panel,
    );
  }

  function drawStages(force = false): void {
    const kernel = page.selection.kernel ?? shownKernel ?? 0;
    if (page.report.kernels.length === 0) {
      page.fill('stages', html('p', { class: 'empty' }, 'There are no kernels: nothing is computed.'));
      return;
    }
    if (kernel !== shownKernel || force) {
      shownKernel = kernel;
      turn++;
      rows = [];
      const { name, computes } = page.report.kernels[kernel]!;
      page.fill('stage-title', `${name}: ${computes}`);
      page.fill(
        'stages',
        ...page.report.stages.flatMap((stage, i) => (visible!.has(i) ? [stagePanel(stage, kernel)] : [])),
      );
    }
    mark();
  }

  function mark(): void {
    const { nodes, by } = page.selection;
    const on = (row: Row): boolean => row.nodes.some((node) => nodes.has(node));
    const wide = nodes.size > 40;
    for (const row of userRows) row.element.classList.toggle('on', on(row));
    for (const row of rows) row.element.classList.toggle('on', !by.startsWith('strip') && !wide && on(row));
    for (const chip of document.querySelectorAll<HTMLElement>('#strip [data-kernel]')) {
      const kernel = Number(chip.dataset['kernel']);
      chip.setAttribute('aria-pressed', String(page.selection.kernel === kernel));
      chip.classList.toggle('on', nodes.size > 0 && page.report.kernels[kernel]!.nodes.some((node) => nodes.has(node)));
    }
    // Once before the next picture, and reading before writing: each turn from one to the other lays the page out.
    if (!settling) requestAnimationFrame(settle);
    settling = true;
  }

  let settling = false;
  /** Brings what is marked into view, in the panels that did not mark it. */
  function settle(): void {
    settling = false;
    const { by } = page.selection;
    const places = [...document.querySelectorAll<HTMLElement>('#stages .code, #program')].map((panel) => {
      const title =
        panel.id === 'program'
          ? 'program'
          : `stage ${panel.parentElement!.querySelector('h3')!.firstChild!.textContent}`;
      const first = panel.querySelector<HTMLElement>('.row.on');
      if (first !== null) return { panel, top: by === title ? undefined : first.offsetTop - panel.clientHeight / 3 };
      // Declarations of locals are many, and say nothing.
      const link = panel.scrollTop === 0 ? panel.querySelector<HTMLElement>('.row.link') : null;
      return { panel, top: link === null ? undefined : link.offsetTop - 60 };
    });
    for (const { panel, top } of places) if (top !== undefined) panel.scrollTop = top;
  }

  page.onShow.push(() => {
    shownKernel = undefined;
    drawProgram();
    drawStrip();
    drawChoices();
  });
  page.onSelect.push(() => drawStages());
}
