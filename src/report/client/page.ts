/**
 * What runs in the page. Each file of this folder is one function that the page gets as text, so it may use nothing from
 * outside itself but its argument: what the parts share stands on the {@link Page}.
 */
import type { KernelView, PageData, ReportView } from '../page-data.js';

type Child = Node | string | undefined | false;
type AttributeValue = string | number | boolean | undefined;
export type ElementAttributes = Readonly<Record<string, AttributeValue | ((event: Event) => void)>>;

/** What is selected: a kernel, nodes of the graph, and what to say of them. */
export interface Selection {
  readonly kernel: number | undefined;
  readonly nodes: ReadonlySet<number>;
  readonly text: string;
  /** Who selected it, and so need not be scrolled to it. */
  readonly by: string;
}

export interface Page {
  readonly data: PageData;
  /** The report that is shown. */
  report: ReportView;
  selection: Selection;
  /** Called with the report that is shown from now on. */
  readonly onShow: (() => void)[];
  /** Called after each change of the selection. */
  readonly onSelect: ((selection: Selection) => void)[];
  show: (report: number) => void;
  /** Draws a section when it comes near the window or is asked for, else when the browser has nothing else to do. */
  later: (section: string, draw: () => void) => void;
  whenIdle: (work: () => void) => void;
  select: (selection: Partial<Selection> & { readonly by: string }) => void;
  selectKernel: (kernel: number, by: string) => void;
  selectNodes: (nodes: Iterable<number>, by: string, text?: string) => void;
  /** An element of HTML, or (`svg`) of a drawing. */
  html: (tag: string, attributes?: ElementAttributes, ...children: Child[]) => HTMLElement;
  svg: (tag: string, attributes?: ElementAttributes, ...children: Child[]) => SVGElement;
  /** The element with this id, emptied and filled. */
  fill: (id: string, ...children: Child[]) => HTMLElement;
  count: (x: number) => string;
  bytes: (x: number) => string;
  time: (ms: number) => string;
  /** `encoder forward, train.ts:41` */
  origin: (from: KernelView['from'][number]) => string;
  /** Makes arrow keys walk through buttons of a list, which is one stop of the tab key, and Enter press them; more may follow. */
  walk: (list: Element, buttons: readonly (HTMLElement | SVGElement)[]) => void;
}
