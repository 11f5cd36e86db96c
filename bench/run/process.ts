/** A contestant's process, or several of them that run at the same time. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Contestant } from './contestants.js';
import type { Answer, Request } from './protocol.js';

/** How long the slowest answer may take. */
const TIMEOUT_MS = 180_000;

class Peer {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #stderr = '';

  constructor(command: readonly string[], threads: number) {
    const count = String(threads);
    this.#child = spawn(command[0]!, command.slice(1), {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        ...process.env,
        BENCH_THREADS: count,
        OMP_NUM_THREADS: count,
        OPENBLAS_NUM_THREADS: count,
        MKL_NUM_THREADS: count,
      },
    });
    this.#child.stderr!.on('data', (text: Buffer) => (this.#stderr = (this.#stderr + text.toString()).slice(-2000)));
    // A process that has ended is noticed by its closed standard output.
    this.#child.stdin!.on('error', () => undefined);
    this.#child.on('error', (error) => (this.#stderr += error.message));
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  async answer(): Promise<Answer> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer in ${TIMEOUT_MS / 1000} s`)), TIMEOUT_MS);
    });
    try {
      const { done, value } = await Promise.race([this.#lines.next(), timeout]);
      if (done === true) return { error: `the process ended: ${this.#stderr.trim().slice(-600)}` };
      return JSON.parse(value) as Answer;
    } catch (error) {
      this.#child.kill('SIGKILL');
      return { error: (error as Error).message };
    } finally {
      clearTimeout(timer);
    }
  }

  ask(request: Request): Promise<Answer> {
    this.#child.stdin!.write(`${JSON.stringify(request)}\n`);
    return this.answer();
  }

  end(): void {
    this.#child.stdin!.end();
    this.#child.kill();
  }
}

/** One contestant at one work. */
export class Runner {
  readonly #peers: readonly Peer[];
  /** Its first line: what it is, or why it cannot run. */
  readonly greeting: Promise<Answer>;

  constructor(readonly contestant: Contestant) {
    const { command, processes, threads } = contestant;
    if ('missing' in command) {
      this.#peers = [];
      this.greeting = Promise.resolve({ unsupported: command.missing });
      return;
    }
    this.#peers = Array.from({ length: processes }, () => new Peer(command, threads));
    this.greeting = Promise.all(this.#peers.map((peer) => peer.answer())).then((answers) => answers[0]!);
  }

  /** Asks all processes at once; the first answer that is no success, else the first. */
  async ask(request: Request): Promise<Answer> {
    const answers = await Promise.all(this.#peers.map((peer) => peer.ask(request)));
    return answers.find((answer) => 'error' in answer || 'unsupported' in answer) ?? slowest(answers);
  }

  end(): void {
    for (const peer of this.#peers) peer.end();
  }
}

/** Of bursts that ran at the same time the longest, with its time divided among the works done. */
function slowest(answers: readonly Answer[]): Answer {
  const [first] = answers;
  if (!('milliseconds' in first!)) return first!;
  const times = answers.map((answer) => (answer as { milliseconds: number }).milliseconds);
  return { milliseconds: Math.max(...times) / answers.length };
}
