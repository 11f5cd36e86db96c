/**
 * The drawing's groups (phase, then module path) and the places in each, by dagre. Each level is laid out by itself,
 * with the groups in it closed; the page moves things apart where one is opened, so it needs no layout of its own.
 */
import dagre from '@dagrejs/dagre';
import type { Phase } from '../core/expr.js';
import type { BoxView, GroupView, NodeView } from './page-data.js';

/** The part of dagre that is used: its declarations name their files without extensions, which Node's rules do not resolve. */
interface Drawing {
  setGraph(options: { rankdir: string; nodesep: number; ranksep: number; ranker: string }): void;
  setDefaultEdgeLabel(label: () => object): void;
  setNode(name: string, size: { width: number; height: number }): void;
  setEdge(from: string, to: string): void;
  nodeCount(): number;
  nodes(): string[];
  node(name: string): { x: number; y: number };
}
const { graphlib, layout } = dagre as unknown as {
  readonly graphlib: { readonly Graph: new (options: { directed: boolean }) => Drawing };
  readonly layout: (drawing: Drawing) => void;
};

const PHASES: readonly Phase[] = ['forward', 'backward', 'update'];
/** A level with more boxes than this is divided into parts that follow one another. */
const MOST = 48;
const PART = 24;

interface Group {
  readonly label: string;
  readonly kind: GroupView['kind'];
  readonly phase: Phase | undefined;
  parent: number;
  readonly groups: number[];
  own: number[];
}

/** Width and height of a closed group. */
export const closedSize = (label: string, count: number): readonly [number, number] => [
  Math.max(130, Math.ceil(Math.max(label.length * 8.2, `${count} operations`.length * 6.4) + 44)),
  46,
];

/** Groups with their boxes; the first is the whole graph. */
export function layOut(nodes: readonly NodeView[]): GroupView[] {
  const groups: Group[] = [];
  const begin = (label: string, kind: Group['kind'], phase: Phase | undefined, parent: number): number => {
    const id = groups.push({ label, kind, phase, parent, groups: [], own: [] }) - 1;
    if (parent >= 0) groups[parent]!.groups.push(id);
    return id;
  };
  const root = begin('', 'root', undefined, -1);
  const byKey = new Map<string, number>();
  const at = (key: string, make: () => number): number => {
    let id = byKey.get(key);
    if (id === undefined) byKey.set(key, (id = make()));
    return id;
  };
  const shown = nodes.flatMap((node, i) => (node.shownBy === i ? [i] : []));
  for (const phase of PHASES) {
    const own = shown.filter((i) => nodes[i]!.phase === phase);
    // What has no nodes of its own, as a list of layers, is no group: it would tie together what others stand between.
    const paths = new Set(own.map((i) => nodes[i]!.path));
    for (const i of own) {
      let group = at(phase, () => begin(phase, 'phase', phase, root));
      const parts = nodes[i]!.path === '' ? [] : nodes[i]!.path.split('.');
      let from = 0;
      parts.forEach((_, last) => {
        const path = parts.slice(0, last + 1).join('.');
        if (!paths.has(path)) return;
        const parent = group;
        const label = parts.slice(from, last + 1).join('.');
        group = at(`${phase}.${path}`, () => begin(label, 'module', phase, parent));
        from = last + 1;
      });
      groups[group]!.own.push(i);
    }
  }
  for (let id = 0; id < groups.length; id++) divide(id);

  /** Where the first node of a group stands in the program. */
  function firstOf(id: number): number {
    return Math.min(...groups[id]!.own, ...groups[id]!.groups.map(firstOf));
  }
  /** Puts the boxes of a crowded level into parts, in the order of the program, so that edges still go one way. */
  function divide(id: number): void {
    const group = groups[id]!;
    if (group.own.length + group.groups.length <= MOST) return;
    const boxes = [
      ...group.own.map((node) => ({ node, group: -1, first: node })),
      ...group.groups.map((inner) => ({ node: -1, group: inner, first: firstOf(inner) })),
    ].sort((a, b) => a.first - b.first);
    const size = Math.max(PART, Math.ceil(boxes.length / MOST));
    group.own = [];
    group.groups.length = 0;
    for (let from = 0; from < boxes.length; from += size) {
      const some = boxes.slice(from, from + size);
      const inner = some.flatMap((box) => (box.group < 0 ? [] : [box.group]));
      const names =
        inner.length > 0 ? inner.map((each) => groups[each]!.label) : some.map(({ node }) => nodes[node]!.op);
      const part = begin(`${names[0]} … ${names.at(-1)}`, 'part', group.phase, id);
      groups[part]!.own = some.flatMap(({ node }) => (node < 0 ? [] : [node]));
      groups[part]!.groups.push(...inner);
      for (const each of inner) groups[each]!.parent = part;
    }
  }

  const members = groups.map((): number[] => []);
  const levelOf = new Map<number, number>();
  groups.forEach(({ own }, id) => {
    for (const i of own) {
      levelOf.set(i, id);
      for (let up = id; up >= 0; up = groups[up]!.parent) members[up]!.push(i);
    }
  });

  /** The ways from the root to a node's level. */
  const chain = (i: number): number[] => {
    const up: number[] = [];
    for (let id = levelOf.get(i)!; id >= 0; id = groups[id]!.parent) up.unshift(id);
    return up;
  };
  const chains = new Map(shown.map((i) => [i, chain(i)]));
  const edges = groups.map(() => new Map<string, readonly [string, string]>());
  for (const i of shown)
    for (const input of nodes[i]!.inputs) {
      const [a, b] = [chains.get(input)!, chains.get(i)!];
      let common = 0;
      while (a[common + 1] !== undefined && a[common + 1] === b[common + 1]) common++;
      const name = (path: readonly number[], node: number): string =>
        path[common + 1] === undefined ? `n${node}` : `g${path[common + 1]}`;
      const edge = [name(a, input), name(b, i)] as const;
      edges[a[common]!]!.set(edge.join(), edge);
    }

  return groups.map(({ label, kind, phase, parent, groups: inner, own }, id): GroupView => {
    const drawing = new graphlib.Graph({ directed: true });
    drawing.setGraph({ rankdir: 'TB', nodesep: 16, ranksep: 30, ranker: 'tight-tree' });
    drawing.setDefaultEdgeLabel(() => ({}));
    for (const each of inner) {
      const [width, height] = closedSize(groups[each]!.label, members[each]!.length);
      drawing.setNode(`g${each}`, { width, height });
    }
    for (const i of own) drawing.setNode(`n${i}`, { width: nodes[i]!.width, height: nodes[i]!.height });
    for (const [from, to] of edges[id]!.values()) if (from !== to) drawing.setEdge(from, to);
    if (drawing.nodeCount() > 0) layout(drawing);
    const names = drawing.nodes();
    const heights = [...new Set(names.map((name) => Math.round(drawing.node(name).y)))].sort((a, b) => a - b);
    const boxes = names.map((name): BoxView => {
      const { x, y } = drawing.node(name);
      const place = { x: Math.round(x), rank: heights.indexOf(Math.round(y)) };
      const which = Number(name.slice(1));
      return name.startsWith('g') ? { group: which, ...place } : { node: which, ...place };
    });
    return { label, kind, phase, parent, boxes, nodes: members[id]! };
  });
}
