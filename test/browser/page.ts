/**
 * The page: observes by itself and in a Worker, and posts both to its server. Nothing is evaluated through the browser's
 * debugger, where the page's security policy would not count.
 */
import { observe, type Observation, type ObserveOptions } from './observe.js';

/** What a page posts. */
export interface PageReport {
  readonly page?: Observation;
  readonly worker?: Observation;
  /** What went wrong, with its stack. */
  readonly errors: readonly string[];
}

/** What the Worker posts. */
export type WorkerReport = { readonly observation: Observation } | { readonly error: string };

function observeInWorker(options: ObserveOptions): Promise<Observation> {
  const worker = new Worker('/worker.js', { type: 'module' });
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<WorkerReport>) => {
      if ('observation' in data) resolve(data.observation);
      else reject(new Error(data.error));
    };
    worker.onerror = ({ message }) => reject(new Error(`the worker failed: ${message}`));
    worker.postMessage(options);
  });
}

const errors: string[] = [];

async function attempt(observation: Promise<Observation>): Promise<Observation | undefined> {
  try {
    return await observation;
  } catch (error) {
    errors.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return undefined;
  }
}

const options = JSON.parse(decodeURIComponent(location.hash.slice(1))) as ObserveOptions;
const page = await attempt(observe(options));
const worker = await attempt(observeInWorker(options));
await fetch('/report', { method: 'POST', body: JSON.stringify({ page, worker, errors }) });
