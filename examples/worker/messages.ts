/** What the page and its Worker tell each other. */
import type { History } from 'lazuli/train';

export type ToWorker = { readonly type: 'start'; readonly epochs: number } | { readonly type: 'stop' };
export type ToPage =
  { readonly type: 'epoch' | 'end'; readonly history: History } | { readonly type: 'error'; readonly message: string };
