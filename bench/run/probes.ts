/** Works that are measured in processes of their own, once or a few times: what `bench/probes` prints. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ALL_THREADS, CACHE, cCommand, type Contestant, script, torchCommand } from './contestants.js';
import { median } from './statistics.js';

/** What the numbers that a probe prints are, by their names: some words, and a unit. */
type Legend = Readonly<Record<string, readonly [what: string, unit: string]>>;

export interface Probe {
  readonly id: string;
  readonly legend: Legend;
  /** Commands by contestant. */
  readonly commands: () => Readonly<Record<string, Contestant['command']>>;
  /** Processes of which the median counts; one unless given. */
  readonly repeats?: number;
  /** Of the table `native` or `layers` alone. */
  readonly isOfTable?: true;
}

type Findings = Record<string, number | string>;

/** A probe of our backends that compute on the CPU. */
const lazuli = (name: string): Record<string, readonly string[]> => {
  const [node, file] = script(`probes/${name}`);
  return Object.fromEntries(['wasm', 'js'].map((backend) => [backend, [node!, '--expose-gc', file!, backend]]));
};

/** `run` with one thread as `name`, and with all there are as `name-all`. */
const byThreads = (
  name: string,
  run: (threads: string) => Contestant['command'],
): Record<string, Contestant['command']> => ({
  [name]: run('1'),
  ...(ALL_THREADS > 1 ? { [`${name}-all`]: run(String(ALL_THREADS)) } : {}),
});

/** A Python file of bench/probes; where there is no PyTorch, why. */
function inPyTorch(file: string, ...args: string[]): Contestant['command'] {
  const torch = torchCommand();
  return 'missing' in torch
    ? torch
    : [torch[0]!, fileURLToPath(new URL(`../probes/${file}`, import.meta.url)), ...args];
}

/** The run that others are held against begins with the same parameters, and takes the same batches: they are exported to a file. */
function mnistCommands(): Record<string, Contestant['command']> {
  const data = `${CACHE}digits.bin`;
  const [node, ...args] = script('probes/mnist', 'export', '1', data);
  spawnSync(node!, args, { stdio: 'inherit' });
  return {
    ...byThreads('wasm', (threads) => script('probes/mnist', 'wasm', threads)),
    js: script('probes/mnist', 'js', '1'),
    ...byThreads('torch', (threads) => inPyTorch('mnist.py', data, threads)),
  };
}

function buildCommand(): readonly string[] {
  const [node, file] = script('probes/build');
  return [node!, '--expose-gc', file!];
}

export const PROBES: readonly Probe[] = [
  {
    id: 'launches',
    legend: {
      launches: ['kernels of a standalone update of six parameters', ''],
      outputs: ['outputs of it, a parameter', ''],
      traces: ['traces while the rate changes', ''],
      compiles: ['compiles while the rate changes', ''],
    },
    commands: () => lazuli('launches'),
  },
  {
    id: 'calls',
    legend: { overhead: ['a call that has next to nothing to compute', 'ns'] },
    commands: () => lazuli('calls'),
    repeats: 3,
  },
  {
    id: 'first-call',
    legend: {
      cold: ['first call of the step beyond a usual one, first program of a process', 'ms'],
      warm: ['the same after ten other programs', 'ms'],
      compile: ['trace and compile of the step, in that process', 'ms'],
      tenth: ['tenth call of the step over a usual one', '×'],
    },
    commands: () => lazuli('first-call'),
    repeats: 5,
  },
  {
    id: 'heap',
    legend: {
      heap: ['growth of the heap in 10,000 steps', 'MB'],
      buffers: ['growth of buffers outside of it', 'MB'],
    },
    commands: () => lazuli('heap'),
  },
  {
    id: 'threads',
    // Its names begin with the number of elements.
    legend: {
      parked: ['elements, an Adadelta update after 3 ms of other work', 'µs'],
      spinning: ['elements, an Adadelta update after another', 'µs'],
    },
    commands: () => byThreads('wasm', (threads) => script('probes/threads', 'wasm', threads)),
    repeats: 3,
  },
  {
    id: 'convolutions',
    legend: {
      fwd: ['speed of a convolution over that of a product of its size', '×'],
      input: ['the same of its derivative by the input', '×'],
      filter: ['the same of its derivative by the filter', '×'],
      depthwise: ['a convolution of each channel', 'GFLOP/s'],
      lenet: ['a step of LeNet with slices and concat, over one with windows', '×'],
    },
    commands: () => lazuli('convolutions'),
  },
  {
    id: 'peak',
    legend: { gflops: ['what the 128-bit units of a core reach with nothing to load', 'GFLOP/s'] },
    commands: () => ({ c: cCommand('probes/peak.c') }),
  },
  {
    id: 'mnist',
    legend: {
      epoch: ['an epoch of MNIST digits', 's'],
      run: ['the whole run of MNIST digits', 's'],
      testError: ['test error after it', '%'],
      digest: ['digest of the parameters after it', ''],
    },
    commands: mnistCommands,
  },
  {
    id: 'build',
    legend: {
      open: ['asking the compiler and making threads', 'ms'],
      first: ['first call of the step beyond a usual one, nothing kept from before', 'ms'],
      compiler: ['what the compiler takes of it', 'ms'],
      cached: ['from the recorded graph to code that can be called, the library kept', 'ms'],
      call: ['first call beyond a usual one, the library kept', 'ms'],
    },
    commands: () => ({ native: buildCommand() }),
    repeats: 3,
    isOfTable: true,
  },
  {
    id: 'epoch',
    legend: { seconds: ['an epoch of 60,000 images', 's'] },
    commands: () => ({
      ...byThreads('native', (threads) => script('probes/epoch', 'native', threads)),
      wasm: script('probes/epoch', 'wasm', '1'),
      ...byThreads('torch', (threads) => inPyTorch('epoch.py', threads)),
    }),
    isOfTable: true,
  },
  {
    id: 'attention',
    legend: {
      temporaries: ['temporaries of [256, 256] in the derivatives of attention', ''],
      writes: ['how often one of them is written', ''],
      bytes: ['what is written to all of them', 'bytes'],
    },
    commands: () => ({ wasm: script('probes/attention') }),
    isOfTable: true,
  },
];
/** Those of a run that asks for no table of its own. */
export const COMMON_PROBES = PROBES.filter(({ isOfTable }) => !isOfTable).map(({ id }) => id);

/** A finding as [contestant, what it is, how much]; a probe that found nothing says why. */
export function findingRow(name: string, value: number | string): readonly [string, string, string] {
  const [contestant, id, ...rest] = name.split(' ');
  const [detail, size] = [rest.at(-1), rest.slice(0, -1).join(' ')];
  const known = detail === undefined ? undefined : PROBES.find((probe) => probe.id === id)?.legend[detail];
  const [what, unit] = known ?? [[id, ...rest].join(' '), ''];
  return [contestant!, size === '' ? what : `${size} ${what}`, unit === '' ? String(value) : `${value} ${unit}`];
}

/** What a probe found, by `contestant probe name`. */
export function runProbe(probe: Probe, takesPart: (contestant: string) => boolean): Findings {
  const found: Findings = {};
  for (const [contestant, command] of Object.entries(probe.commands())) {
    if (!takesPart(contestant)) continue;
    if ('missing' in command) {
      found[`${contestant} ${probe.id}`] = command.missing;
      continue;
    }
    const runs = Array.from({ length: probe.repeats ?? 1 }, () => run(command));
    const failed = runs.find((each) => typeof each === 'string');
    if (failed !== undefined) {
      found[`${contestant} ${probe.id}`] = failed;
      continue;
    }
    for (const name of Object.keys(runs[0]!)) {
      const values = (runs as Findings[]).map((each) => each[name]!);
      found[`${contestant} ${probe.id} ${name}`] =
        typeof values[0] === 'number' ? Number(median(values as number[]).toPrecision(4)) : values[0]!;
    }
  }
  return found;
}

/** What one process found, or why it found nothing. */
function run(command: readonly string[]): Findings | string {
  const { stdout, stderr, status } = spawnSync(command[0]!, command.slice(1), { encoding: 'utf8' });
  if (status === 0) return JSON.parse(stdout.trim().split('\n').at(-1)!) as Findings;
  const reason = stderr.split('\n').find((line) => /^\w*Error\b/.test(line)) ?? `exit code ${status}`;
  return `not available: ${reason.trim()}`;
}
