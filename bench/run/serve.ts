/** The contestants' side of the protocol, for those written in JavaScript. */
import { createInterface } from 'node:readline';
import { type Answer, CHECK_STEPS, type Kind, type Request, sample, type Work } from './protocol.js';

/** One work, ready to run. */
export interface Task {
  /** Ways of running so many calls; a library without a synchronous way answers with a Promise. */
  readonly modes: Readonly<Record<string, (calls: number) => void | Promise<void>>>;
  /** The whole results after the calls so far. */
  results(): readonly ArrayLike<number>[] | Promise<readonly ArrayLike<number>[]>;
  readonly note?: string;
}

/** How a contestant makes a task of each work; what it has no code for is left out, or made `undefined`. */
export type Makers = {
  readonly [K in Kind]?: (work: Extract<Work, { kind: K }>) => Task | undefined;
};

/** The only mode of a task whose calls are synchronous. */
export function repeated(step: () => void): Task['modes'] {
  return {
    '': (calls) => {
      for (let i = 0; i < calls; i++) step();
    },
  };
}

/** Threads that this process may use. */
export const THREADS = Number(process.env['BENCH_THREADS'] ?? 1);

const say = (answer: Answer): boolean => process.stdout.write(`${JSON.stringify(answer)}\n`);

/** Answers requests until the standard input ends. `start` makes the library ready and says which it is. */
export async function serve(start: () => Promise<{ version: string; makers: Makers }>): Promise<void> {
  // Libraries chat on the standard output, which is ours.
  console.log = console.info = console.debug = console.error;
  let makers: Makers;
  try {
    const started = await start();
    makers = started.makers;
    say({ ready: started.version });
  } catch (error) {
    say({ unsupported: error instanceof Error ? error.message.split('\n')[0]! : String(error) });
    return;
  }
  let task: Task | undefined;
  const answer = async (request: Request): Promise<Answer> => {
    if (request.do === 'prepare') {
      const make = makers[request.work.kind] as ((work: Work) => Task | undefined) | undefined;
      task = make?.(request.work);
      if (task === undefined) return { unsupported: 'not written for it' };
      const modes = Object.keys(task.modes);
      await task.modes[modes[0]!]!(CHECK_STEPS);
      const results = (await task.results()).map(sample);
      return { modes, results, ...(task.note === undefined ? {} : { note: task.note }) };
    }
    const run = task!.modes[request.mode]!;
    const start = performance.now();
    const pending = run(request.calls);
    if (pending instanceof Promise) await pending;
    return { milliseconds: performance.now() - start };
  };
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      say(await answer(JSON.parse(line) as Request));
    } catch (error) {
      say({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  }
  process.exit(0);
}
