/** A line that tells how far a run is: one that is written over in a terminal, else a line an epoch. */
interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Milliseconds between two pictures of the line. */
const EVERY = 100;
const BAR = 20;

const number = (value: number): string =>
  Number.isFinite(value) && value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5)
    ? value.toExponential(3)
    : String(Number(value.toPrecision(4)));
const list = (values: Readonly<Record<string, number>>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name} ${number(value)}`)
    .join(', ');

export interface EpochLine {
  /** From 1. */
  readonly epoch: number;
  readonly epochs: number;
  readonly steps: number;
  readonly milliseconds: number;
  readonly trained: Readonly<Record<string, number>>;
  readonly evaluated: Readonly<Record<string, number>>;
}

export class Progress {
  private readonly terminal: Terminal | undefined;
  private shown = 0;

  /** @param to false for silence, a function for its lines, true for the terminal or the console. */
  constructor(private readonly to: boolean | ((line: string) => void)) {
    const { process } = globalThis as { process?: { stdout?: Terminal } };
    this.terminal = to === true && process?.stdout?.isTTY === true ? process.stdout : undefined;
  }

  private print(line: string): void {
    if (typeof this.to === 'function') this.to(line);
    // Whoever wants none says so.
    // eslint-disable-next-line no-console
    else if (this.to) console.log(line);
  }

  /** A step of the epoch has ended; `total` where it is known. */
  step(epoch: number, epochs: number, step: number, total: number | undefined, loss: number | undefined): void {
    if (this.terminal === undefined || performance.now() - this.shown < EVERY) return;
    this.shown = performance.now();
    const full = total === undefined ? 0 : Math.round((BAR * step) / total);
    const bar = total === undefined ? '' : `${'█'.repeat(full)}${'░'.repeat(Math.max(0, BAR - full))} `;
    const line = `epoch ${epoch}/${epochs} ${bar}${step}${total === undefined ? '' : `/${total}`}${loss === undefined ? '' : ` loss ${number(loss)}`}`;
    this.terminal.write(`\r${line.slice(0, (this.terminal.columns ?? 80) - 1)}\u001b[K`);
  }

  epoch({ epoch, epochs, steps, milliseconds, trained, evaluated }: EpochLine): void {
    this.clear();
    const parts = [list(trained), ...(Object.keys(evaluated).length === 0 ? [] : [`evaluation ${list(evaluated)}`])];
    const seconds = (milliseconds / 1000).toFixed(1);
    this.print(
      `epoch ${epoch}/${epochs}: ${parts.join('; ')} (${steps} ${steps === 1 ? 'step' : 'steps'}, ${seconds} s)`,
    );
  }

  say(line: string): void {
    this.clear();
    this.print(line);
  }

  /** Takes the line away. */
  clear(): void {
    if (this.shown === 0) return;
    this.shown = 0;
    this.terminal?.write('\r\u001b[K');
  }
}
