/**
 * `toHTML`: a report as one file that needs nothing else: its style, its code and its data, which are deflated, because
 * WebAssembly text is long and alike. A policy in the file itself forbids it the network.
 */
import { OptionError } from '../core/errors.js';
import { checkOptions, describeValue } from '../core/options.js';
import type { Report } from '../runtime/report.js';
import { machineCodeOf, subjectOf } from '../runtime/inspect.js';
import { base } from './client/base.js';
import { charts } from './client/charts.js';
import { code } from './client/code.js';
import { graph } from './client/graph.js';
import { tables } from './client/tables.js';
import { reportView, type Times } from './data.js';
import { differenceOf } from './diff.js';
import type { PageData } from './page-data.js';
import { STYLE } from './style.js';

export type { Times } from './data.js';

/** Of the page. */
export interface HtmlOptions {
  /** Names of the two reports, `before` and `after` unless given. */
  readonly labels?: readonly [string, string];
  /** What `step.profile()` gave, if not the times that the report knows: the page has a roofline and a timeline then. One a report. */
  readonly profile?: Times | readonly (Times | undefined)[];
  /** The user's files by their names (`train.ts`), so that the page shows the lines themselves. */
  readonly sources?: Readonly<Record<string, string>>;
  /** Whether the page has the machine code, which a backend of `lazuli/native` shows where objdump is installed. */
  readonly machineCode?: boolean;
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

async function deflated(text: string): Promise<string> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream('deflate-raw'));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  let binary = '';
  for (let from = 0; from < bytes.length; from += 0x8000)
    binary += String.fromCharCode(...bytes.subarray(from, from + 0x8000));
  return btoa(binary);
}

/** Runs in the page: undoes {@link deflated}, and starts its parts. Names that a compiler keeps go through `__name`. */
const START = `
const __name = (value) => value;
const parts = [PARTS];
(async () => {
  const bytes = Uint8Array.from(atob(document.getElementById('data').textContent), (each) => each.charCodeAt(0));
  const data = JSON.parse(await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'))).text());
  const page = { data, report: data.reports[0], onShow: [], onSelect: [] };
  for (const part of parts) part(page);
  page.show(data.reports.length - 1);
  document.body.dataset.ready = '';
})();`;

const section = (id: string, title: string, note: string, body: string): string =>
  `<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>${note === '' ? '' : `<p class="note">${note}</p>`}${body}</section>`;

const EXPLORE = `
<div class="key"><span><i class="forward"></i>forward</span><span><i class="backward"></i>backward</span><span><i class="update"></i>update</span><span><i class="memory"></i>kept in memory</span><span><i class="wire"></i>from kernel to kernel</span></div>
<div class="panels">
<div class="panel"><h3>Your program</h3><div id="program" role="region" aria-label="Lines of your program" tabindex="-1"></div></div>
<div class="panel"><h3>Graph <small>parameters and constants stand in the nodes that read them</small><span class="tools"><button id="open-all" title="Open all groups">Open all</button><button id="close-all" title="Close all groups">Close all</button><button id="zoom-out" aria-label="Smaller">−</button><button id="zoom-fit">Fit</button><button id="zoom-in" aria-label="Larger">+</button></span></h3><div id="graph"></div></div>
</div>
<div id="chosen"><span id="selected" role="status" aria-live="polite"></span><button id="clear" class="plain">Clear</button></div>
<div id="strip" role="group" aria-label="Kernels in their order; wide ones move more bytes or take longer"></div>
<div class="stage-head"><h3 id="stage-title"></h3><div id="stage-choice" role="group" aria-label="Stages that are shown"></div></div>
<div id="stages"></div>
<p class="keys"><kbd>Tab</kbd> goes from panel to panel, arrow keys move in one, <kbd>Enter</kbd> selects a line or an operation and opens a group, <kbd>Esc</kbd> clears.</p>`;

/**
 * One self-contained HTML file of a report (`step.inspect(…)`), or of two with what differs.
 *
 * @throws OptionError `NOT_A_REPORT`; UnsupportedError `NO_MACHINE_CODE`
 * @example
 * const step = jit((x: Tensor) => x.exp());
 * (await toHTML(step.inspect(tensor([1])))).startsWith('<!doctype html>'); // true
 */
export async function toHTML(
  report: Report | readonly [before: Report, after: Report],
  options: HtmlOptions = {},
): Promise<string> {
  checkOptions('toHTML', options, ['labels', 'profile', 'sources', 'machineCode']);
  const reports = Array.isArray(report) ? (report as readonly Report[]) : [report as Report];
  const profiles = Array.isArray(options.profile)
    ? (options.profile as readonly (Times | undefined)[])
    : [options.profile as Times | undefined];
  if (reports.length < 1 || reports.length > 2)
    throw new OptionError(
      'NOT_A_REPORT',
      `toHTML got ${reports.length} reports`,
      'Pass one report, or [before, after].',
    );
  const views = reports.map((each, i) => {
    const subject = typeof each === 'object' && each !== null ? subjectOf(each) : undefined;
    if (subject === undefined)
      throw new OptionError(
        'NOT_A_REPORT',
        `toHTML got ${describeValue(each)}`,
        'Pass what step.inspect(…) or step.inspectOn(…) returned.',
      );
    const label =
      options.labels?.[i] ?? (reports.length === 1 ? each.name : `${['before', 'after'][i]!} (${each.backend})`);
    const view = reportView(each, subject, label, profiles[i] ?? each.profile);
    if (options.machineCode !== true) return view;
    return { ...view, texts: [...view.texts, { title: 'Machine code', text: machineCodeOf(subject) }] };
  });
  const [first, second] = views;
  const data: PageData = {
    title: second === undefined || first!.name === second.name ? first!.name : `${first!.name} and ${second.name}`,
    reports: views,
    difference: second === undefined ? undefined : differenceOf(first!, second),
    sources: options.sources ?? {},
  };
  const title = escaped(`${data.title} – Lazuli`);
  const links: readonly (readonly [string, string])[] = [
    ...(second === undefined ? [] : [['difference', 'What differs'] as const]),
    ['explore', 'Explore'],
    ['kernels', 'Kernels'],
    ['boundaries', 'Boundaries'],
    ['memory', 'Memory'],
    ['roofline', 'Roofline'],
    ['timeline', 'Timeline'],
    ['history', 'Traces'],
    ['texts', 'Texts'],
  ];
  const switches =
    second === undefined
      ? ''
      : `<span id="reports" role="group" aria-label="Report that is shown">${views.map(({ label }) => `<button aria-pressed="false">${escaped(label)}</button>`).join('')}</span>`;
  const start = START.replace('PARTS', () => [base, graph, code, charts, tables].map(String).join(',\n'));
  const listen =
    second === undefined
      ? ''
      : `document.querySelectorAll('#reports button').forEach((button, i) => button.addEventListener('click', () => page.show(i)));\n  `;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'">
<link rel="icon" href="data:,">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<a class="skip" href="#explore">To the program</a>
<header><div><div class="brand">Lazuli report</div><h1 id="name">${escaped(data.title)}</h1><div id="backend"></div></div><div id="figures"></div></header>
<nav aria-label="Sections"><div>${switches}${links.map(([id, text]) => `<a href="#${id}">${text}</a>`).join('')}<button id="theme" class="plain">Light / dark</button></div></nav>
<main>
<ol id="way" aria-label="The way through the compiler"></ol>
${second === undefined ? '' : section('difference', 'What differs', '', '<div id="difference-body"></div>')}
${section('explore', 'From your line to the machine', 'Your lines, the graph that they record, the kernels into which it is fused, their loops, and the source for each backend. Select anything: what belongs to it is marked everywhere.', EXPLORE)}
${section('kernels', 'Kernels', '', '<div id="kernel-table"></div>')}
${section('boundaries', 'Where fusion ends, and why', '', '<div id="boundary-table"></div>')}
${section('memory', 'Memory over the program', '', '<div id="memory-chart"></div>')}
${section('roofline', 'Roofline', '', '<div id="roofline-chart"></div>')}
${section('timeline', 'Timeline', '', '<div id="timeline-chart"></div>')}
${section('history', 'Traces and compiles', 'Each structure, shape, dtype and static value of the arguments is traced and compiled once.', '<div id="history-table"></div>')}
${section('texts', 'Every stage as text', '', '<div id="text-list"></div>')}
</main>
<script type="text/plain" id="data">${await deflated(JSON.stringify(data))}</script>
<script>${start.replace('  page.show(', `  ${listen}page.show(`)}</script>
</body>
</html>
`;
}
