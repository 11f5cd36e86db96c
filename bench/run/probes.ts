/** Works that are measured in processes of their own, once or a few times: what `bench/probes` prints. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ALL_THREADS, CACHE, cCommand, script, torchCommand } from './contestants.js';
import { median } from './statistics.js';

export interface Probe {
  readonly id: string;
  /** Commands by contestant. */
  readonly commands: () => Readonly<Record<string, readonly string[]>>;
  /** Processes of which the median counts. */
  readonly repeats: number;
}

type Findings = Record<string, number | string>;

const lazuli = (name: string): Record<string, readonly string[]> => {
  const [node, file] = script(`probes/${name}`);
  return Object.fromEntries(['wasm', 'js'].map((backend) => [backend, [node!, '--expose-gc', file!, backend]]));
};

function mnistCommands(): Record<string, readonly string[]> {
  const data = `${CACHE}digits.bin`;
  const [node, file] = script('probes/mnist') as [string, string];
  spawnSync(node, [file, 'export', '1', data], { stdio: 'inherit' });
  const run = (backend: string, threads: number): string[] => [node, file, backend, String(threads)];
  const torch = torchCommand();
  const python = fileURLToPath(new URL('../probes/mnist.py', import.meta.url));
  return {
    wasm: run('wasm', 1),
    ...(ALL_THREADS > 1 ? { 'wasm-all': run('wasm', ALL_THREADS) } : {}),
    js: run('js', 1),
    ...('missing' in torch
      ? {}
      : { torch: [torch[0]!, python, data, '1'], 'torch-all': [torch[0]!, python, data, String(ALL_THREADS)] }),
  };
}

function peakCommands(): Record<string, readonly string[]> {
  const command = cCommand('probes/peak.c');
  return 'missing' in command ? {} : { c: command };
}

const threadCommands = (): Record<string, readonly string[]> => ({
  wasm: script('probes/threads', 'wasm', '1'),
  ...(ALL_THREADS > 1 ? { 'wasm-all': script('probes/threads', 'wasm', String(ALL_THREADS)) } : {}),
});

function buildCommands(): Record<string, readonly string[]> {
  const [node, file] = script('probes/build') as [string, string];
  return { native: [node, '--expose-gc', file] };
}

/** Those of a table that was asked for alone. */
const OF_TABLES = ['build', 'epoch', 'attention'];

/** Training runs of a size, with random images: by backend and threads, PyTorch beside. */
function epochCommands(): Record<string, readonly string[]> {
  const run = (backend: string, threads: number): string[] => script('probes/epoch', backend, String(threads));
  const torch = torchCommand();
  const python = fileURLToPath(new URL('../probes/epoch.py', import.meta.url));
  return {
    native: run('native', 1),
    'native-all': run('native', ALL_THREADS),
    wasm: run('wasm', 1),
    ...('missing' in torch
      ? {}
      : { torch: [torch[0]!, python, '1'], 'torch-all': [torch[0]!, python, String(ALL_THREADS)] }),
  };
}

export const PROBES: readonly Probe[] = [
  { id: 'launches', commands: () => lazuli('launches'), repeats: 1 },
  { id: 'calls', commands: () => lazuli('calls'), repeats: 3 },
  { id: 'first-call', commands: () => lazuli('first-call'), repeats: 5 },
  { id: 'heap', commands: () => lazuli('heap'), repeats: 1 },
  { id: 'threads', commands: threadCommands, repeats: 3 },
  { id: 'convolutions', commands: () => lazuli('convolutions'), repeats: 1 },
  { id: 'peak', commands: peakCommands, repeats: 1 },
  { id: 'mnist', commands: mnistCommands, repeats: 1 },
  { id: 'build', commands: buildCommands, repeats: 3 },
  { id: 'epoch', commands: epochCommands, repeats: 1 },
  { id: 'attention', commands: () => ({ wasm: script('probes/attention') }), repeats: 1 },
];
export const COMMON_PROBES = PROBES.flatMap(({ id }) => (OF_TABLES.includes(id) ? [] : [id]));

/** What a probe found, by `contestant probe name`. */
export function runProbe(probe: Probe, takesPart: (contestant: string) => boolean): Findings {
  const found: Findings = {};
  for (const [contestant, command] of Object.entries(probe.commands())) {
    if (!takesPart(contestant)) continue;
    const runs = Array.from({ length: probe.repeats }, () => run(command));
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
