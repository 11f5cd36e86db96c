/** The graph: boxes in groups that open and close, edges among what is to be seen. */
import type { GroupView } from '../page-data.js';
import type { Page } from './page.js';

export function graph(page: Page): void {
  const { svg } = page;
  const PAD = 14;
  const HEAD = 30;
  const GAP = { x: 16, y: 30 };
  /** Pixels of a row of boxes, unless one alone is wider. */
  const WIDEST = 900;
  /** Boxes that are open at first, at most. */
  const FIRST = 46;
  interface Box {
    readonly group: number | undefined;
    readonly node: number | undefined;
    x: number;
    y: number;
    width: number;
    height: number;
    inside: Box[];
  }
  let open = new Set<number>();
  let zoom = 1;
  let size = { width: 0, height: 0 };
  let elements = new Map<string, SVGElement>();
  let boxes: Box[] = [];
  const frame = document.getElementById('graph')!;

  const groupOf = (id: number): GroupView => page.report.groups[id]!;

  /** Places a group's boxes for the sizes that they have now. */
  function place(id: number): Box {
    const group = groupOf(id);
    const isRoot = id === 0;
    if (!isRoot && !open.has(id)) {
      const width = Math.max(
        130,
        Math.ceil(Math.max(group.label.length * 8.2, `${group.nodes.length} operations`.length * 6.4) + 48),
      );
      return { group: id, node: undefined, x: 0, y: 0, width, height: 46, inside: [] };
    }
    const rows: { box: Box; x: number }[][] = [];
    for (const { node, group: inner, x, rank } of group.boxes) {
      const view = node === undefined ? undefined : page.report.nodes[node]!;
      const box =
        inner === undefined
          ? { group: undefined, node, x: 0, y: 0, width: view!.width, height: view!.height, inside: [] }
          : place(inner);
      (rows[rank] ??= []).push({ box, x });
    }
    let y = isRoot ? PAD : HEAD + PAD;
    for (const row of rows.flatMap(wrapped)) {
      // Side by side around where dagre wanted them.
      let right = -Infinity;
      let drift = 0;
      for (const { box, x } of row) {
        const at = Math.max(x - box.width / 2, right + GAP.x);
        drift += x - box.width / 2 - at;
        box.x = at;
        right = at + box.width;
      }
      const height = Math.max(...row.map(({ box }) => box.height));
      for (const { box } of row) {
        box.x += drift / row.length;
        box.y = y + (height - box.height) / 2;
      }
      y += height + GAP.y;
    }
    const inside = rows.flat().map(({ box }) => box);
    const left = Math.min(...inside.map((box) => box.x)) - PAD;
    for (const box of inside) box.x -= left;
    const width = Math.max(...inside.map((box) => box.x + box.width), isRoot ? 0 : group.label.length * 8.2 + 70) + PAD;
    return { group: id, node: undefined, x: 0, y: 0, width, height: y - GAP.y + PAD, inside };
  }

  /** A rank as rows that fit into the panel, from left to right; what was wrapped begins anew in the middle. */
  function wrapped(rank: { box: Box; x: number }[]): { box: Box; x: number }[][] {
    rank.sort((a, b) => a.x - b.x);
    const total = rank.reduce((sum, { box }) => sum + box.width + GAP.x, 0);
    if (total <= WIDEST || rank.length === 1) return [rank];
    const middle = rank.reduce((sum, { x }) => sum + x, 0) / rank.length;
    const rows: { box: Box; x: number }[][] = [[]];
    let width = 0;
    for (const each of rank) {
      if (width > 0 && width + each.box.width > WIDEST) {
        rows.push([]);
        width = 0;
      }
      rows.at(-1)!.push(each);
      width += each.box.width + GAP.x;
    }
    for (const row of rows) {
      let at = middle - row.reduce((sum, { box }) => sum + box.width + GAP.x, 0) / 2;
      for (const each of row) {
        each.x = at + each.box.width / 2;
        at += each.box.width + GAP.x;
      }
    }
    return rows;
  }

  const keyOf = (box: Box): string => (box.node === undefined ? `g${box.group}` : `n${box.node}`);

  function draw(): void {
    const root = place(0);
    boxes = [];
    elements = new Map();
    /** The box that shows each node. */
    const shows = new Map<number, Box>();
    const layers = { groups: svg('g'), edges: svg('g', { class: 'edges' }), nodes: svg('g') };
    const walk = (box: Box, dx: number, dy: number, depth: number): void => {
      box.x += dx;
      box.y += dy;
      if (box.node !== undefined) {
        shows.set(box.node, box);
        boxes.push(box);
        layers.nodes.append(drawNode(box));
      } else if (box.inside.length === 0 && box.group !== 0) {
        for (const node of groupOf(box.group!).nodes) shows.set(node, box);
        boxes.push(box);
        layers.nodes.append(drawGroup(box, depth));
      } else {
        if (box.group !== 0) {
          boxes.push(box);
          layers.groups.append(drawGroup(box, depth));
        }
        for (const inner of box.inside) walk(inner, box.x, box.y, depth + 1);
      }
    };
    walk(root, 0, 0, 0);

    // One edge for all that go from one box to another.
    const edges = new Map<string, { from: Box; to: Box; count: number; crosses: boolean }>();
    for (const [node, to] of shows)
      for (const input of page.report.nodes[node]!.inputs) {
        const from = shows.get(input);
        if (from === undefined || from === to) continue;
        const key = `${keyOf(from)}>${keyOf(to)}`;
        const { kernels } = page.report.nodes[node]!;
        const crosses =
          page.report.nodes[input]!.stored &&
          !page.report.nodes[input]!.kernels.some((kernel) => kernels.includes(kernel));
        const edge = edges.get(key) ?? { from, to, count: 0, crosses: false };
        edges.set(key, { ...edge, count: edge.count + 1, crosses: edge.crosses || crosses });
      }
    for (const [key, { from, to, count, crosses }] of edges) {
      const [x1, y1, x2, y2] = [from.x + from.width / 2, from.y + from.height, to.x + to.width / 2, to.y];
      const bend = Math.max(16, Math.min(90, Math.abs(y2 - y1) / 2));
      const path =
        y2 >= y1 - 1
          ? `M${x1},${y1}C${x1},${y1 + bend} ${x2},${y2 - bend} ${x2},${y2}`
          : `M${from.x},${y1 - from.height / 2}C${from.x - 60},${y1} ${to.x - 60},${y2} ${to.x},${y2 + to.height / 2}`;
      layers.edges.append(
        svg('path', {
          d: path,
          class: `edge${crosses ? ' crosses' : ''}`,
          'data-edge': key,
          'stroke-width': Math.min(4, 1 + Math.log2(count) / 2),
          'marker-end': 'url(#arrow)',
        }),
      );
    }
    size = boxes.length === 0 ? { width: 1, height: 1 } : { width: root.width, height: root.height };
    const marker = svg(
      'defs',
      {},
      svg(
        'marker',
        {
          id: 'arrow',
          viewBox: '0 0 8 8',
          refX: 7,
          refY: 4,
          markerWidth: 6,
          markerHeight: 6,
          markerUnits: 'userSpaceOnUse',
          orient: 'auto',
        },
        svg('path', { d: 'M0,0.8L8,4L0,7.2z' }),
      ),
    );
    const drawing = svg(
      'svg',
      { role: 'group', 'aria-label': 'Graph of the program: arrow keys move, Enter opens or selects' },
      marker,
      layers.groups,
      layers.edges,
      layers.nodes,
    );
    frame.replaceChildren(drawing);
    drawing.addEventListener('keydown', onKey as EventListener);
    scale();
    const [first] = boxes;
    if (first !== undefined) elements.get(keyOf(first))!.setAttribute('tabindex', '0');
    mark();
  }

  function drawNode(box: Box): SVGElement {
    const view = page.report.nodes[box.node!]!;
    const operands = view.operands.join(', ');
    const kernels = view.kernels.map((kernel) => page.report.kernels[kernel]!.name);
    const label = `${view.op}, ${view.type}, ${page.origin(view)}${kernels.length > 0 ? `, ${kernels.join(' ')}` : ''}`;
    const badge = kernels.length === 0 ? '' : kernels[0]! + (kernels.length > 1 ? `+${kernels.length - 1}` : '');
    const detail =
      view.type + (operands === '' ? '' : ` · ${operands.length > 26 ? `${operands.slice(0, 25)}…` : operands}`);
    const element = svg(
      'g',
      {
        class: `node ${view.phase}${view.stored || view.writes.length > 0 ? ' stored' : ''}`,
        transform: `translate(${box.x},${box.y})`,
        tabindex: -1,
        role: 'button',
        'aria-label': label,
        'data-node': box.node,
        click: () => page.selectNodes([box.node!], 'graph'),
      },
      svg(
        'title',
        {},
        `${view.text} → ${view.type}\n${page.origin(view)}${view.writes.length > 0 ? `\nis the new ${view.writes.join(', ')}` : ''}`,
      ),
      svg('rect', { width: box.width, height: box.height, rx: 6 }),
      svg('text', { x: 10, y: 17, class: 'op' }, view.op),
      badge !== '' && svg('text', { x: box.width - 8, y: 16, class: 'badge', 'text-anchor': 'end' }, badge),
      svg('text', { x: 10, y: 32, class: 'type' }, detail),
    );
    elements.set(keyOf(box), element);
    return element;
  }

  function drawGroup(box: Box, depth: number): SVGElement {
    const group = groupOf(box.group!);
    const isOpen = open.has(box.group!);
    const title = group.label;
    const kernels = new Set(group.nodes.flatMap((node) => page.report.nodes[node]!.kernels)).size;
    const element = svg(
      'g',
      {
        class: `group ${group.kind} ${group.phase ?? ''}${isOpen ? ' open' : ''}`,
        transform: `translate(${box.x},${box.y})`,
        tabindex: -1,
        role: 'button',
        'aria-expanded': String(isOpen),
        'aria-label': `${title} ${group.kind === 'phase' ? '' : (group.phase ?? '')}, ${group.nodes.length} operations, ${kernels} kernels`,
        'data-group': box.group,
        'data-depth': depth,
        click: (event) => toggle(box.group!, event),
      },
      svg('rect', { width: box.width, height: box.height, rx: isOpen ? 10 : 8 }),
      svg('text', { x: 12, y: 20, class: 'sign' }, isOpen ? '−' : '+'),
      svg('text', { x: 26, y: 20, class: 'op' }, title),
      !isOpen && svg('text', { x: 26, y: 36, class: 'type' }, `${group.nodes.length} operations`),
    );
    elements.set(keyOf(box), element);
    return element;
  }

  function toggle(group: number, event?: Event): void {
    event?.stopPropagation();
    if (!open.delete(group)) open.add(group);
    draw();
    elements.get(`g${group}`)?.focus({ preventScroll: true });
  }

  /** Opens groups from the outside in, as long as the drawing stays small. */
  function begin(): void {
    open = new Set();
    let shown = groupOf(0).boxes.length;
    const queue = groupOf(0).boxes.flatMap(({ group }) => group ?? []);
    while (queue.length > 0) {
      const group = queue.shift()!;
      const { boxes: inner, phase } = groupOf(group);
      if (shown + inner.length > FIRST || (phase === 'update' && groupOf(group).kind !== 'phase')) continue;
      open.add(group);
      shown += inner.length;
      queue.push(...inner.flatMap((box) => box.group ?? []));
    }
    zoom = 1;
    draw();
    const first = boxes.find((box) => box.inside.length === 0) ?? boxes[0];
    if (first !== undefined) frame.scrollTo(first.x + first.width / 2 - frame.clientWidth / 2, 0);
  }

  function scale(): void {
    const drawing = frame.firstElementChild!;
    drawing.setAttribute('viewBox', `0 0 ${size.width} ${size.height}`);
    drawing.setAttribute('width', String(size.width * zoom));
    drawing.setAttribute('height', String(size.height * zoom));
  }

  /** The nearest box in the direction of an arrow key. */
  function neighbour(of: Box, key: string): Box | undefined {
    const centre = (box: Box): [number, number] => [
      box.x + box.width / 2,
      box.group !== undefined && box.inside.length > 0 ? box.y + 15 : box.y + box.height / 2,
    ];
    const [x, y] = centre(of);
    let best: Box | undefined;
    let least = Infinity;
    for (const box of boxes) {
      if (box === of) continue;
      const [dx, dy] = [centre(box)[0] - x, centre(box)[1] - y];
      const [along, aside] = { ArrowDown: [dy, dx], ArrowUp: [-dy, dx], ArrowRight: [dx, dy], ArrowLeft: [-dx, dy] }[
        key
      ] as [number, number];
      if (along < 4) continue;
      const distance = along + 2.5 * Math.abs(aside);
      if (distance < least) [least, best] = [distance, box];
    }
    return best;
  }

  function onKey(event: KeyboardEvent): void {
    const target = (event.target as Element).closest('[data-node], [data-group]');
    const box = boxes.find((each) => elements.get(keyOf(each)) === target);
    if (box === undefined) return;
    if (event.key === 'Enter' || event.key === ' ') {
      if (box.node === undefined) toggle(box.group!);
      else page.selectNodes([box.node], 'graph');
    } else if (/^Arrow/.test(event.key)) {
      const next = neighbour(box, event.key);
      if (next !== undefined) {
        target!.setAttribute('tabindex', '-1');
        const element = elements.get(keyOf(next))!;
        element.setAttribute('tabindex', '0');
        element.focus();
      }
    } else return;
    event.preventDefault();
  }

  function mark(): void {
    const { nodes } = page.selection;
    frame.classList.toggle('selecting', nodes.size > 0);
    for (const box of boxes) {
      const on =
        box.node === undefined ? groupOf(box.group!).nodes.some((node) => nodes.has(node)) : nodes.has(box.node);
      elements.get(keyOf(box))!.classList.toggle('on', on);
    }
    for (const edge of frame.querySelectorAll<SVGElement>('.edge')) {
      const [from, to] = edge.dataset['edge']!.split('>').map((key) => elements.get(key)!.classList.contains('on'));
      edge.classList.toggle('on', nodes.size > 0 && (nodes.size === 1 ? from! || to! : from! && to!));
    }
  }

  /** Opens what hides the selected nodes, if they are few, and brings the first into view. */
  function reveal(): void {
    const { nodes, by } = page.selection;
    if (by === 'graph' || nodes.size === 0) return mark();
    if (nodes.size <= 40) {
      let changed = false;
      page.report.groups.forEach((group, id) => {
        if (id > 0 && !open.has(id) && group.nodes.some((node) => nodes.has(node))) {
          open.add(id);
          changed = true;
        }
      });
      if (changed) draw();
    }
    mark();
    const box =
      boxes.find((each) => each.node !== undefined && nodes.has(each.node)) ??
      boxes.find((each) => elements.get(keyOf(each))!.classList.contains('on'));
    if (box !== undefined)
      frame.scrollTo({
        left: (box.x + box.width / 2) * zoom - frame.clientWidth / 2,
        top: (box.y + box.height / 2) * zoom - frame.clientHeight / 3,
      });
  }

  const zoomTo = (next: number): void => {
    zoom = Math.max(0.15, Math.min(2, next));
    scale();
  };
  const buttons: Readonly<Record<string, () => void>> = {
    'zoom-in': () => zoomTo(zoom * 1.25),
    'zoom-out': () => zoomTo(zoom / 1.25),
    'zoom-fit': () => zoomTo(Math.min(1, (frame.clientWidth - 4) / size.width, (frame.clientHeight - 4) / size.height)),
    'open-all': () => {
      open = new Set(page.report.groups.keys());
      draw();
    },
    'close-all': () => {
      open = new Set(groupOf(0).boxes.flatMap(({ group }) => group ?? []));
      draw();
    },
  };
  for (const [id, press] of Object.entries(buttons)) document.getElementById(id)!.addEventListener('click', press);
  page.onShow.push(begin);
  page.onSelect.push(reveal);
}
