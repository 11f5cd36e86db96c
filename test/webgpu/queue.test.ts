/** The line before the device's queue: order, what waits, how much is under way. A queue that only notes what it is given. */
import { expect, test } from 'vitest';
import { MOST_IN_FLIGHT, MOST_JOINED, WorkQueue } from '../../backends/webgpu/queue.js';

/** A queue that says of nothing that it is done until `finish` is called. */
function notedQueue(): { queue: WorkQueue; log: string[]; finish: () => Promise<void> } {
  const log: string[] = [];
  let asked: (() => void)[] = [];
  const device: Pick<GPUQueue, 'submit' | 'writeBuffer' | 'onSubmittedWorkDone'> = {
    submit: (commands) => {
      log.push(`submit ${[...commands].map(({ label }) => label).join()}`);
    },
    writeBuffer: (_, __, data, first = 0, count = 0) => {
      log.push(`write ${(data as Float32Array).slice(first, first + count).join()}`);
    },
    onSubmittedWorkDone: () =>
      new Promise((resolve) =>
        asked.push(() => {
          resolve(undefined);
        }),
      ),
  };
  return {
    queue: new WorkQueue(device as GPUQueue, () => true),
    log,
    finish: async () => {
      const all = asked;
      asked = [];
      for (const done of all) done();
      await new Promise((resolve) => setTimeout(resolve));
    },
  };
}
const commands = (label: string) => (): GPUCommandBuffer => ({ label }) as GPUCommandBuffer;
const buffer = {} as GPUBuffer;

test('work goes at once; after a hold it waits, with what it was to write as it was', async () => {
  const { queue, log } = notedQueue();
  const data = Float32Array.of(1, 2, 3);
  queue.write(buffer, 0, data, 1, 2);
  queue.submit(commands('a'));
  expect(log).toEqual(['write 2,3']);
  await Promise.resolve();
  expect(log).toEqual(['write 2,3', 'submit a']);
  let go!: () => void;
  queue.hold(new Promise<void>((resolve) => (go = resolve)));
  queue.write(buffer, 0, data);
  queue.submit(commands('b'));
  const given = queue.given().then(() => log.push('given'));
  data.fill(9);
  expect(log).toHaveLength(2);
  go();
  await given;
  expect(log.slice(2)).toEqual(['write 1,2,3', 'submit b', 'given']);
});

test('what holds up may fail: what comes after goes on', async () => {
  const { queue, log } = notedQueue();
  queue.hold(Promise.reject(new Error('refused')));
  queue.submit(commands('a'));
  await queue.given();
  expect(log).toEqual(['submit a']);
});

test('steps that nobody waits for share submits; what is written between them parts them', async () => {
  const { queue, log } = notedQueue();
  for (let i = 0; i < MOST_JOINED + 1; i++) queue.submit(commands(String(i)));
  expect(log).toEqual(['submit 0,1,2,3']);
  queue.write(buffer, 0, Float32Array.of(1));
  expect(log.slice(1)).toEqual(['submit 4', 'write 1']);
  queue.submit(commands('a'));
  const given = queue.given();
  queue.submit(commands('b'));
  expect(log.slice(3)).toEqual(['submit a']);
  await given;
  expect(log.slice(4)).toEqual(['submit b']);
});

test('so many submits are under way at most, however many steps are queued without waiting', async () => {
  const { queue, log, finish } = notedQueue();
  const steps = 3 * MOST_IN_FLIGHT + 5;
  const submitted = (): string[] => log.flatMap((line) => line.replace('submit ', '').split(','));
  for (let i = 0; i < steps; i++) queue.submit(commands(String(i)));
  expect(submitted()).toHaveLength(MOST_IN_FLIGHT);
  const done = queue.done();
  while (submitted().length < steps) {
    const before = log.length;
    await finish();
    expect(log.length).toBeGreaterThan(before);
    expect(queue.inFlight).toBeLessThanOrEqual(MOST_IN_FLIGHT);
  }
  await finish();
  await done;
  expect(queue.inFlight).toBe(0);
  expect(submitted()).toEqual(Array.from({ length: steps }, (_, i) => String(i)));
});
