/**
 * What a worker thread runs. The function is handed over as text, so it uses nothing from outside itself; `worker-entry.ts`
 * runs it as a module for pages whose security policy wants a URL.
 */

/** `MessagePort` in Node, the worker's global scope in a page. */
interface Port {
  onmessage: ((event: { data: unknown }) => void) | null;
  postMessage(message: unknown): void;
}

/** First message: the memory and this worker's number. Later ones: the module of a program, or that it is gone. */
export type WorkerMessage =
  | {
      readonly memory: WebAssembly.Memory;
      readonly thread: number;
      readonly control: Readonly<Record<string, number>>;
      readonly spinMilliseconds: number;
    }
  | { readonly program: number; readonly module: WebAssembly.Module | undefined };

type ControlWords = Readonly<
  Record<'generation' | 'messages' | 'dealtWith' | 'program' | 'sleepers' | 'failed' | 'ready', number>
>;

type WorkerExports = {
  readonly start: (thread: number, program: number) => void;
  readonly work: () => void;
};

/**
 * Waits for forks and works on them: spins for a while, then parks until the calling thread notifies. When there are
 * messages that it has not seen, it returns to the event loop, which delivers them.
 */
export function workerMain(port: Port): void {
  const programs = new Map<number, WorkerExports>();
  let words: Int32Array | undefined;
  let memory: WebAssembly.Memory | undefined;
  let word: ControlWords | undefined;
  let thread = 0;
  let spin = 0;
  let received = 0;

  const wait = (): void => {
    const cells = words!;
    const { generation, messages, program, sleepers, failed } = word!;
    // A fork that is under way may still have tasks.
    let seen = Atomics.load(cells, generation) - 1;
    let idleSince = performance.now();
    for (let turn = 0; ; turn++) {
      const now = Atomics.load(cells, generation);
      if (now !== seen) {
        seen = now;
        try {
          programs.get(Atomics.load(cells, program))?.work();
        } catch (error) {
          Atomics.store(cells, failed, 1);
          throw error;
        }
        idleSince = performance.now();
      } else if (Atomics.load(cells, messages) !== received) return;
      else if ((turn & 127) === 0 && performance.now() - idleSince > spin) {
        Atomics.add(cells, sleepers, 1);
        // The messages are counted before the generation changes, so looking once more here misses none.
        if (Atomics.load(cells, messages) === received) Atomics.wait(cells, generation, seen);
        Atomics.sub(cells, sleepers, 1);
        idleSince = performance.now();
      }
    }
  };

  port.onmessage = ({ data }) => {
    const message = data as WorkerMessage;
    received++;
    if ('memory' in message) {
      ({ memory, thread } = message);
      spin = message.spinMilliseconds;
      // Byte addresses become positions of 32-bit words.
      word = Object.fromEntries(
        Object.entries(message.control).map(([name, address]) => [name, address / 4]),
      ) as ControlWords;
      words = new Int32Array(memory.buffer, 0, 256);
      Atomics.add(words, word.ready, 1);
      port.postMessage('ready');
    } else if (message.module === undefined) programs.delete(message.program);
    else {
      const stall = (): void => undefined;
      const { exports } = new WebAssembly.Instance(message.module, { env: { memory: memory!, stall } });
      const own = exports as WorkerExports;
      own.start(thread, message.program);
      programs.set(message.program, own);
    }
    Atomics.add(words!, word!.dealtWith, 1);
    if (received === Atomics.load(words!, word!.messages)) wait();
  };
}
