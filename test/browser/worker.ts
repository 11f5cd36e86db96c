/** The page's Worker: observes once it has its options. */
import { observe, type ObserveOptions } from './observe.js';
import type { WorkerReport } from './page.js';

const answer = (report: WorkerReport): void => self.postMessage(report);

self.onmessage = ({ data }: MessageEvent<ObserveOptions>): void => {
  observe(data).then(
    (observation) => answer({ observation }),
    (error: unknown) => answer({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
};
