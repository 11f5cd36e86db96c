/** The page: starts and stops the Worker, and draws its history after each epoch. */
import { plotHistory } from 'lazuli/train';
import type { ToPage, ToWorker } from './messages.js';

const element = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const [start, stop] = [element<HTMLButtonElement>('start'), element<HTMLButtonElement>('stop')];
const [status, chart] = [element('status'), element('chart')];
const worker = new Worker(new URL('./train.ts', import.meta.url), { type: 'module' });
const tell = (message: ToWorker): void => worker.postMessage(message);

const running = (is: boolean): void => {
  start.disabled = is;
  stop.disabled = !is;
};
start.onclick = () => {
  running(true);
  status.textContent = 'begins…';
  tell({ type: 'start', epochs: 60 });
};
stop.onclick = () => tell({ type: 'stop' });

worker.onmessage = ({ data }: MessageEvent<ToPage>): void => {
  if (data.type === 'error') {
    running(false);
    status.textContent = data.message;
    return;
  }
  const { history } = data;
  chart.innerHTML = plotHistory(history, { title: 'Two moons' });
  const accuracy = history.evaluation.accuracy?.at(-1) ?? 0;
  status.textContent = `${history.loss.length} epochs, ${(100 * accuracy).toFixed(1)} % right`;
  if (data.type === 'end') {
    running(false);
    document.body.dataset.stopped = history.stopped;
  }
};
