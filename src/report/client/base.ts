/** Elements, numbers, selection, theme: what all parts of the page use. */
import type { ElementAttributes, Page, Selection } from './page.js';

export function base(page: Page): void {
  const build =
    (space: string) =>
    (tag: string, attributes: ElementAttributes = {}, ...children: (Node | string | undefined | false)[]) => {
      const element = document.createElementNS(space, tag);
      for (const [name, value] of Object.entries(attributes)) {
        if (typeof value === 'function') element.addEventListener(name, value);
        else if (value === true) element.setAttribute(name, '');
        else if (value !== undefined && value !== false) element.setAttribute(name, String(value));
      }
      for (const child of children) if (child !== undefined && child !== false) element.append(child);
      return element;
    };
  page.html = build('http://www.w3.org/1999/xhtml') as Page['html'];
  page.svg = build('http://www.w3.org/2000/svg') as Page['svg'];
  page.fill = (id, ...children) => {
    const element = document.getElementById(id)!;
    element.replaceChildren(...children.filter((child) => child !== undefined && child !== false));
    return element;
  };

  const scaled = (x: number, base: number, units: readonly string[]): string => {
    let power = 0;
    while (Math.abs(x) >= base * 0.9995 && power < units.length - 1) {
      x /= base;
      power++;
    }
    return `${Number.isInteger(x) ? x : Number(x.toPrecision(3))}${units[power]}`;
  };
  page.count = (x) => scaled(x, 1000, ['', 'k', 'M', 'G', 'T']);
  page.bytes = (x) => scaled(x, 1024, [' B', ' KiB', ' MiB', ' GiB']);
  page.time = (ms) => (ms < 1 ? `${Number((ms * 1000).toPrecision(3))} µs` : `${Number(ms.toPrecision(3))} ms`);
  page.origin = ({ path, phase, location }) =>
    `${path === '' ? '' : `${path} `}${phase}${location === undefined ? '' : `, ${location}`}`;

  const nothing: Selection = { kernel: undefined, nodes: new Set(), text: '', by: '' };
  page.selection = nothing;
  page.select = (selection) => {
    page.selection = { ...nothing, ...selection };
    for (const listen of page.onSelect) listen(page.selection);
  };
  page.selectKernel = (kernel, by) => {
    const { name, computes, from, flops, bytesRead, bytesWritten, nodes } = page.report.kernels[kernel]!;
    const drawn = nodes.map((node) => page.report.nodes[node]!.shownBy).filter((node) => node >= 0);
    const places = [...new Set(from.map(page.origin))];
    const text = `${name}: ${computes}; ${places.slice(0, 3).join('; ')}${places.length > 3 ? `; ${places.length - 3} more places` : ''}; ${page.count(flops)} flops, ${page.bytes(bytesRead)} read, ${page.bytes(bytesWritten)} written`;
    page.select({ kernel, nodes: new Set(drawn), text, by });
  };
  page.selectNodes = (which, by, text) => {
    const nodes = new Set(which);
    const kernels = [...new Set([...nodes].flatMap((node) => page.report.nodes[node]!.kernels))];
    const first = [...nodes][0];
    const kept = kernels.includes(page.selection.kernel ?? -1) ? page.selection.kernel : kernels[0];
    const about = (node: number): string => {
      const view = page.report.nodes[node]!;
      const names = view.kernels.map((kernel) => page.report.kernels[kernel]!.name);
      return `${view.op} → ${view.type}; ${page.origin(view)}; ${names.length === 0 ? 'in no kernel' : `computed in ${names.join(', ')}`}${view.stored ? '; kept in memory between kernels' : ''}`;
    };
    page.select({ kernel: kept, nodes, text: text ?? (first === undefined ? '' : about(first)), by });
  };
  page.onSelect.push(({ text }) => {
    page.fill(
      'selected',
      text === ''
        ? 'Select an operation, a line or a kernel: everything that belongs to it is marked in all panels.'
        : text,
    );
    (document.getElementById('clear') as HTMLButtonElement).disabled = text === '';
  });

  const waiting = new Map<Element, () => void>();
  const drawNow = (section: Element): void => {
    const draw = waiting.get(section);
    if (draw === undefined) return;
    waiting.delete(section);
    near.unobserve(section);
    section.classList.remove('waiting');
    draw();
    if (waiting.size === 0) document.body.dataset['complete'] = '';
  };
  const near = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) if (isIntersecting) drawNow(target);
    },
    { rootMargin: '300px' },
  );
  page.whenIdle = (work) => {
    if ('requestIdleCallback' in window) requestIdleCallback(work, { timeout: 2000 });
    else setTimeout(work, 50);
  };
  const drawAll = (): void => {
    for (const section of [...waiting.keys()]) drawNow(section);
  };
  /** One section a turn, so that the page answers meanwhile. */
  const drawIdly = (): void => {
    const [next] = waiting.keys();
    if (next === undefined) return;
    drawNow(next);
    page.whenIdle(drawIdly);
  };
  page.later = (id, draw) => {
    const section = document.getElementById(id)!;
    waiting.set(section, draw);
    section.classList.add('waiting');
    near.observe(section);
  };
  addEventListener('beforeprint', drawAll);
  document.addEventListener('click', ({ target }) => {
    const href = (target as Element).closest('a[href^="#"]')?.getAttribute('href');
    const section = href === undefined || href === null ? null : document.querySelector(href);
    if (section !== null) drawNow(section);
  });

  page.show = (report) => {
    page.report = page.data.reports[report]!;
    delete document.body.dataset['complete'];
    for (const section of waiting.keys()) near.unobserve(section);
    waiting.clear();
    for (const button of document.querySelectorAll('#reports button'))
      button.setAttribute('aria-pressed', String(button === document.querySelectorAll('#reports button')[report]));
    for (const draw of page.onShow) draw();
    page.select({ by: '' });
    page.whenIdle(drawIdly);
  };

  page.walk = (list, buttons) => {
    let current: HTMLElement | SVGElement | undefined;
    const enter = (button: HTMLElement | SVGElement): void => {
      current?.setAttribute('tabindex', '-1');
      button.setAttribute('tabindex', '0');
      current = button;
    };
    if (buttons.length > 0) enter(buttons[0]!);
    for (const button of buttons.slice(1)) button.setAttribute('tabindex', '-1');
    list.addEventListener('focusin', ({ target }) => {
      if (buttons.includes(target as HTMLElement)) enter(target as HTMLElement);
    });
    list.addEventListener('keydown', (event) => {
      const { key, target } = event as KeyboardEvent;
      // From the list itself the first key leads into it.
      const at = buttons.indexOf(target as HTMLElement);
      if (at < 0 && target !== list) return;
      const next = {
        ArrowRight: at + 1,
        ArrowDown: at + 1,
        ArrowLeft: at - 1,
        ArrowUp: at - 1,
        Home: 0,
        End: buttons.length - 1,
      }[key];
      if (next !== undefined) buttons[next]?.focus();
      else if (at >= 0 && (key === 'Enter' || key === ' ') && (target as Element).tagName.toLowerCase() !== 'button')
        target!.dispatchEvent(new MouseEvent('click', { bubbles: true }));
      else return;
      event.preventDefault();
    });
  };

  document.getElementById('clear')!.addEventListener('click', () => page.select({ by: '' }));
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') page.select({ by: '' });
  });
  document.getElementById('theme')!.addEventListener('click', () => {
    const dark =
      document.documentElement.dataset['theme'] ??
      (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
    document.documentElement.dataset['theme'] = dark === 'dark' ? 'light' : 'dark';
  });
}
