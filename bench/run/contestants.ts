/** Who takes part, and how their processes start. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { digestDefine } from '../../scripts/digest.js';

/** One contestant. Those with the same `family` are one library in several forms. */
export interface Contestant {
  readonly id: string;
  readonly title: string;
  /** Threads that it is held to. */
  readonly threads: number;
  /** Processes that run at the same time, each the whole work; the time counts per work done. */
  readonly processes: number;
  /** Whether it runs only where a work names it. */
  readonly onRequest: boolean;
  /** Milliseconds of quiet after a burst: worker threads that spin on an empty queue disturb whoever comes next. */
  readonly rest: number;
  /** How it starts, or why it cannot. */
  readonly command: readonly string[] | { readonly missing: string };
}

const bench = fileURLToPath(new URL('..', import.meta.url));
/** Compiled files, and what else may be thrown away. */
export const CACHE = `${bench}.cache/`;
export const ALL_THREADS = availableParallelism();

/** Compiled from the sources by `prepareLibrary`. */
export const script = (name: string, ...args: string[]): string[] => [
  process.execPath,
  `${CACHE}bench/${name}.js`,
  ...args,
];

const INSTALL_TORCH = 'PyTorch is not installed (Debian: apt-get install python3-torch libopenblas0-pthread)';

/** The first Python that can import torch. */
export function torchCommand(): Contestant['command'] {
  for (const python of ['python3', '/usr/bin/python3'])
    if (spawnSync(python, ['-c', 'import torch'], { stdio: 'ignore' }).status === 0)
      return [python, `${bench}contestants/pytorch.py`];
  return { missing: INSTALL_TORCH };
}

/** A C file of bench/, compiled. */
export function cCommand(file: string): Contestant['command'] {
  mkdirSync(CACHE, { recursive: true });
  const binary = `${CACHE}${file.replaceAll('/', '-')}.out`;
  const flags = ['-O3', '-march=native', '-fno-math-errno', '-fopenmp'];
  const compiled = spawnSync('cc', [...flags, `${bench}${file}`, '-o', binary, '-lm'], { encoding: 'utf8' });
  if (compiled.status === 0) return [binary];
  return { missing: compiled.error === undefined ? `cc cannot compile ${file}` : 'there is no cc' };
}

/**
 * Compiles Lazuli and the contestants into bench/.cache, file by file, as they are published: tsx would wrap functions
 * to keep their names, which costs time in a hot loop.
 */
export async function prepareLibrary(): Promise<void> {
  const { build } = await import('esbuild');
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const sources = (folder: string): string[] =>
    readdirSync(root + folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
      .map((file) => `${root}${folder}/${file}`);
  await build({
    entryPoints: ['src', 'backends', 'bench/contestants', 'bench/probes', 'bench/run', 'examples/support'].flatMap(
      sources,
    ),
    outdir: CACHE,
    outbase: root,
    format: 'esm',
    target: 'es2022',
    define: digestDefine(root, ['src', 'backends'].flatMap(sources)),
    logLevel: 'error',
  });
  await build({
    entryPoints: [`${bench}node_modules/@tensorflow/tfjs-core/dist/register_all_gradients.js`],
    outfile: `${CACHE}tfjs-gradients.js`,
    bundle: true,
    format: 'esm',
    logLevel: 'error',
  });
  // What lies in the folder imports itself by this name, as a user's code does.
  const exports = { '.': './src/index.js', './native': './backends/native/native.js' };
  const manifest = { name: 'lazuli', type: 'module', sideEffects: false, exports };
  writeFileSync(`${CACHE}package.json`, JSON.stringify(manifest));
}

export function makeContestants(): Contestant[] {
  const torch = torchCommand();
  const c = cCommand('contestants/loops.c');
  const make = (
    id: string,
    title: string,
    command: Contestant['command'],
    more: Partial<Contestant> = {},
  ): Contestant => ({
    id,
    title,
    command,
    threads: 1,
    processes: 1,
    onRequest: false,
    rest: 1,
    ...more,
  });
  const lazuli = (backend: string): string[] => script('contestants/lazuli', backend);
  const all = { threads: ALL_THREADS, rest: 5 };
  const contestants = [
    make('wasm', 'Lazuli wasm', lazuli('wasm')),
    make('wasm-all', `Lazuli wasm, ${ALL_THREADS} threads`, lazuli('wasm'), all),
    make('wasm-twice', 'Lazuli wasm, 2 processes', lazuli('wasm'), { processes: 2, onRequest: true }),
    make('native', 'Lazuli native', lazuli('native')),
    make('native-all', `Lazuli native, ${ALL_THREADS} threads`, lazuli('native'), all),
    make('js', 'Lazuli js', lazuli('js')),
    make('jax', 'jax-js', script('contestants/jax')),
    make('tfjs', 'TensorFlow.js wasm', script('contestants/tfjs')),
    make('tfjs-cpu', 'TensorFlow.js cpu', script('contestants/tfjs', 'cpu'), { onRequest: true }),
    make('gpujs', 'gpu.js webasm', script('contestants/gpujs')),
    make('torch', 'PyTorch', torch),
    // OpenBLAS' idle threads spin for about 2^26 cycles.
    make('torch-all', `PyTorch, ${ALL_THREADS} threads`, torch, { ...all, rest: 30 }),
    make('hand-wasm', 'WASM SIMD by hand', script('contestants/loops', 'wasm')),
    make('hand-js', 'JavaScript by hand', script('contestants/loops', 'js')),
    make('c', 'C by hand', c),
    make('c-all', `C by hand, ${ALL_THREADS} threads`, c, all),
  ];
  return contestants.filter(({ threads, processes }) => ALL_THREADS > 1 || (threads === 1 && processes === 1));
}
