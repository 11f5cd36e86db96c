/** What can go wrong around the compiler and its cache: typed errors, nothing written, or built again. */
import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { jit, type LazuliError, ones, setThreads, tensor, type Tensor, TrainVar, zeros } from 'lazuli';
import { native, type NativeBackend, type NativeOptions } from 'lazuli/native';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { LibraryCache } from '../../backends/native/cache.js';
import { runCompiler } from '../../backends/native/compiler.js';
import { CacheDirectory } from '../../backends/native/directory.js';
import { findToolchain } from '../../backends/native/toolchain.js';
import { evaluateGraph } from '../../src/ops/evaluate.js';
import { noise } from '../support/arrays.js';
import { expectSameBits } from '../support/bits.js';
import { runGraph, tracedGraph } from '../support/graphs.js';
import { bundled } from '../support/processes.js';
import { cpu, describeOnNative, DIRECTORY } from './support.js';

const LIBRARY = bundled(`
  export { jit, ones } from 'lazuli';
  export { native } from 'lazuli/native';
  export { TUNING } from './backends/native/backend.js';`);

/** The error of opening a backend. */
async function failure(options: unknown): Promise<LazuliError> {
  try {
    await native(options as NativeOptions);
  } catch (error) {
    return error as LazuliError;
  }
  return expect.fail('it opened');
}
const fresh = (): string => mkdtempSync(join(DIRECTORY, 'cache-'));
const librariesIn = (directory: string): string[] => readdirSync(directory).filter((name) => name.endsWith('.so'));

/** A program that is called as a compiler is. */
function pretender(script: string): string {
  const path = join(fresh(), 'cc');
  writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return path;
}
const double = (backend: Awaited<ReturnType<typeof native>>): number[] => [
  ...jit((x: Tensor) => x.mul(2), { backend })(ones([3])).dataSync(),
];

/** What one says of itself that has these macros. */
const saying = (...macros: string[]): string =>
  pretender(['__STDC__ 1', '__VERSION__ "12.2.0"', ...macros].map((macro) => `echo '#define ${macro}'`).join('\n'));

describe('what the backend is not for', () => {
  const { platform } = process;
  afterEach(() => Object.defineProperty(process, 'platform', { value: platform }));

  test('Windows', async () => {
    Object.defineProperty(process, 'platform', { value: 'win32' });
    const error = await failure({});
    expect(error).toMatchObject({ name: 'UnsupportedError', code: 'NATIVE_PLATFORM' });
  });

  test('other processors, and compilers that are too old', async () => {
    for (const macros of [
      ['__GNUC__ 12', '__x86_64__ 1'],
      ['__GNUC__ 12', '__i386__ 1'],
      ['__clang__ 1', '__riscv 1'],
    ])
      expect(await failure({ compiler: saying(...macros) })).toMatchObject({ code: 'NATIVE_PROCESSOR' });
    const old = await failure({ compiler: saying('__GNUC__ 11', '__x86_64__ 1', '__AVX2__ 1') });
    expect(old).toMatchObject({ name: 'BackendUnavailableError', code: 'NO_COMPILER' });
    expect(old.message).toContain('gcc 12 is the oldest');
  });

  test('a Node without koffi: what is missing, and how to install it', async () => {
    const hook = `export const resolve = (name, context, next) => {
      if (name === 'koffi') throw new Error('nobody has ' + name);
      return next(name, context);
    }`;
    expect(
      await started(`(await import('node:module')).register('data:text/javascript,' + ${JSON.stringify(encodeURIComponent(hook))});
        await native().catch(({ name, message }) => console.log(name, message));`),
    ).toMatch(/^BackendUnavailableError NO_KOFFI: .*nobody has koffi.*npm install koffi/s);
  });
});

describeOnNative('the compiler and its cache', () => {
  test('a compiler that is missing, prints nonsense, is killed or fails', async () => {
    const missing = await failure({ compiler: '/nowhere/cc' });
    expect(missing).toMatchObject({ name: 'BackendUnavailableError', code: 'NO_COMPILER' });
    expect(missing.message).toContain('/nowhere/cc is not there');
    expect((await failure({ compiler: pretender('echo nonsense') })).message).toContain(
      'says nothing that a C compiler says',
    );
    expect((await failure({ compiler: pretender('kill -9 $$') })).message).toContain('was killed by SIGKILL');
    expect((await failure({ compiler: pretender('echo no >&2; exit 3') })).message).toContain(
      'ended with status 3: no',
    );
  });

  test('one that breaks off in mid-program leaves everything as it was, and says where the source is', async () => {
    const directory = fresh();
    // It answers questions and builds the pool; a program it does not.
    const compiler = pretender(
      'case "$*" in *-pthread*|*-dM*) exec gcc "$@";; *) echo "internal compiler error" >&2; exit 4;; esac',
    );
    const broken = await native({ compiler, cacheDirectory: directory });
    const w = new TrainVar(zeros([3]));
    const step = jit(() => void (w.value = w.value.add(1)), { backend: broken });
    let error: LazuliError | undefined;
    try {
      step();
    } catch (caught) {
      error = caught as LazuliError;
    }
    expect(error).toMatchObject({ name: 'BackendUnavailableError', code: 'COMPILER_FAILED' });
    expect(error!.message).toContain('internal compiler error');
    const [, place] = /The source is (\S+\.c)/.exec(error!.message)!;
    expect(readFileSync(place!, 'utf8')).toContain('lazuli_run');
    expect([...w.value.dataSync()]).toEqual([0, 0, 0]);
  });

  test('one that ends before it has read a long source', () => {
    const long = ' '.repeat(1 << 22);
    expect(runCompiler(pretender('echo no license >&2; exit 3'), [], long).failure).toBe(
      'ended with status 3: no license',
    );
    expect(runCompiler(pretender('exit 0'), [], long).failure).toBeUndefined();
  });

  test('one that makes what is no library, which is not kept', async () => {
    const cacheDirectory = fresh();
    const compiler = pretender(
      `case "$*" in *-dM*) exec gcc "$@";; esac
      while [ $# -gt 0 ]; do [ "$1" = -o ] && echo nonsense > "$2"; shift; done`,
    );
    const error = await failure({ compiler, cacheDirectory });
    expect(error).toMatchObject({ name: 'BackendUnavailableError', code: 'COMPILER_FAILED' });
    expect(error.message).toMatch(/made what cannot be loaded: .*The source is \S+\.c/s);
    expect(readdirSync(cacheDirectory).map((name) => name.split('.')[1])).toEqual(['c']);
  });

  test.each(['ln -s "$target" "$2"', 'mkdir "$2"'])('one that makes no file: %s', async (make) => {
    const [cacheDirectory, target] = [fresh(), join(fresh(), 'target')];
    writeFileSync(target, 'its own');
    const compiler = pretender(
      `case "$*" in *-dM*) exec gcc "$@";; esac
      target=${target}; while [ $# -gt 0 ]; do [ "$1" = -o ] && ${make}; shift; done`,
    );
    const error = await failure({ compiler, cacheDirectory });
    expect(error).toMatchObject({ name: 'BackendUnavailableError', code: 'COMPILER_FAILED' });
    expect(error.message).toContain('made no file');
    expect(readFileSync(target, 'utf8')).toBe('its own');
    expect(readdirSync(cacheDirectory).map((name) => name.split('.')[1])).toEqual(['c']);
  });

  test('a directory that goes while it is used is made again; one that cannot be is an error, and nothing written', async () => {
    const cacheDirectory = join(fresh(), 'own');
    const backend = await native({ cacheDirectory, threads: 1, flags: ['-O0'] });
    rmSync(cacheDirectory, { recursive: true });
    const w = new TrainVar(zeros([3]));
    const step = (by: number): (() => void) => jit(() => void (w.value = w.value.add(by)), { backend });
    step(1)();
    expect(statSync(cacheDirectory).mode & 0o777).toBe(0o700);
    rmSync(cacheDirectory, { recursive: true });
    writeFileSync(cacheDirectory, '');
    // Another constant is another program.
    expect(step(2)).toThrow(expect.objectContaining({ name: 'OptionError', code: 'CACHE_DIRECTORY' }) as Error);
    expect([...w.value.dataSync()]).toEqual([1, 1, 1]);
  });

  test('a directory that others can write by now is refused, and nothing in it is loaded', async () => {
    const cacheDirectory = fresh();
    const backend = await native({ cacheDirectory, threads: 1, flags: ['-O0'] });
    const w = new TrainVar(zeros([3]));
    const step = jit(() => void (w.value = w.value.add(1)), { backend });
    chmodSync(cacheDirectory, 0o777);
    expect(step).toThrow(expect.objectContaining({ name: 'OptionError', code: 'CACHE_DIRECTORY' }) as Error);
    expect([...w.value.dataSync()]).toEqual([0, 0, 0]);
    chmodSync(cacheDirectory, 0o700);
    step();
    expect([...w.value.dataSync()]).toEqual([1, 1, 1]);
  });

  test('a compiler is asked once, until it or what else decides its answer changes', async () => {
    const folder = fresh();
    const [compiler, log] = [join(folder, 'cc'), join(folder, 'log')];
    // A program, not a script: nobody can see what that starts.
    const source = `#include <stdio.h>
      #include <unistd.h>
      int main(int count, char **arguments) {
        FILE *log = fopen(${JSON.stringify(log)}, "a");
        for (int i = 1; i < count; i++) fprintf(log, "%s ", arguments[i]);
        fputs("\\n", log);
        fclose(log);
        arguments[0] = "gcc";
        return execvp("gcc", arguments);
      }`;
    expect(runCompiler('gcc', ['-x', 'c', '-o', compiler, '-'], source).failure).toBeUndefined();
    const starts = (): string[] => readFileSync(log, 'utf8').trim().split('\n');
    const asked = (): number => starts().filter((line) => line.includes('-dM')).length;
    const cacheDirectory = join(folder, 'cache');
    const open = (flags: readonly string[] = ['-O0']): Promise<NativeBackend> =>
      native({ compiler, cacheDirectory, threads: 1, flags });
    expect(double(await open())).toEqual([2, 2, 2]);
    expect([starts().length, asked()]).toEqual([3, 1]);
    const backend = await open();
    expect(double(backend)).toEqual([2, 2, 2]);
    expect(backend).toMatchObject({ compiler: cpu.compiler, processor: cpu.processor });
    expect(starts()).toHaveLength(3);
    utimesSync(compiler, 1e9, 1e9);
    await open();
    expect(asked()).toBe(2);
    await open(['-O1']);
    await open(['-O1']);
    expect(asked()).toBe(3);
    // These may name a file, which may change unseen.
    await open(['-Wl,-O1']);
    await open(['-Wl,-O1']);
    expect(asked()).toBe(5);
    vi.stubEnv('C_INCLUDE_PATH', folder);
    await open();
    vi.unstubAllEnvs();
    expect(asked()).toBe(6);
    for (const name of readdirSync(cacheDirectory))
      if (name.endsWith('.macros')) writeFileSync(join(cacheDirectory, name), '#define __STDC__ 1');
    await open();
    expect(asked()).toBe(7);
  });

  test('a script in the place of a compiler is asked each time: what it starts may change unseen', async () => {
    const log = join(fresh(), 'log');
    const compiler = pretender(`echo >> ${log}; exec gcc "$@"`);
    const cacheDirectory = fresh();
    for (const lines of [2, 3]) {
      await native({ compiler, cacheDirectory, threads: 1, flags: ['-O0'] });
      expect(readFileSync(log, 'utf8')).toHaveLength(lines);
    }
  });

  test('flags that would change results have no effect, and none is for another processor', async () => {
    const flags = ['-Ofast', '-funsafe-math-optimizations', '-fsingle-precision-constant', '-ffp-contract=fast'];
    if (process.arch === 'x64') {
      flags.push('-mfpmath=387');
      // No processor has both.
      const foreign = await failure({ flags: ['-mfma4', '-mamx-int8'] });
      expect(foreign).toMatchObject({ name: 'OptionError', code: 'COMPILER_FLAG' });
      expect(foreign.message).toContain('this processor lacks');
    }
    const fast = await native({ cacheDirectory: DIRECTORY, threads: 1, flags });
    const [x, y] = [noise('f32', [37, 50]), noise('f32', [50, 20], 2)];
    const graph = tracedGraph([x, y], (a, b) => [
      a.matmul(b),
      a.sum(1),
      a.mul(a).add(a),
      a.div(3).maximum(-0),
      ...[0.1, NaN, Infinity, -Infinity, -0, 1e-45, 5e-324, Number.MAX_VALUE].map((c) => a.cast('f64').mul(c)),
      a.abs().sqrt().add(a.exp()),
    ]);
    const want = evaluateGraph(graph, [x, y]);
    runGraph(fast, graph, [x, y]).forEach((got, i) => expectSameBits(got, want[i]!, `output ${i}`));
    // Nor do subnormals of the process itself.
    const tiny = Number('1e-320');
    expect(tiny / 2).toBeGreaterThan(0);
  });

  test('two versions of the package at once', async () => {
    const options = { cacheDirectory: DIRECTORY, threads: 2, flags: ['-O0'] };
    const mine = await native(options);
    vi.resetModules();
    const lazuli = await import('lazuli');
    const theirs = await (await import('lazuli/native')).native(options);
    expect(lazuli.jit).not.toBe(jit);
    const other = lazuli.jit((x: InstanceType<typeof lazuli.Tensor>) => x.mul(2), { backend: theirs });
    for (let i = 0; i < 3; i++) {
      expect(double(mine)).toEqual([2, 2, 2]);
      expect([...other(lazuli.ones([3])).dataSync()]).toEqual([2, 2, 2]);
    }
  });

  test('options that are none', async () => {
    for (const options of [
      { threads: 0 },
      { threads: 1.5 },
      { fma: 'yes' },
      { flags: '-O3' },
      { flags: [3] },
      { compiler: '' },
      { cached: true },
    ])
      expect(await failure(options), JSON.stringify(options)).toMatchObject({ name: 'OptionError' });
    const flag = await failure({ flags: ['-fno-such-thing'] });
    expect(flag).toMatchObject({ name: 'OptionError', code: 'COMPILER_FLAG' });
    expect(flag.message).toContain('-fno-such-thing');
    for (const [option, message] of [
      ['--version', 'with them it says nothing that a C compiler says'],
      ['-fsanitize=address', 'ends a process'],
      ...[
        '-Dfloat=double',
        '-U__AVX512F__',
        '-include',
        '-imacros',
        '-Wp,-Dfloat=double',
        '--define-macro=float=double',
      ].map((each) => [each, `${each}, which is an argument of the preprocessor`] as const),
    ] as const) {
      const refused = await failure({ flags: [option] });
      expect(refused).toMatchObject({ name: 'OptionError', code: 'COMPILER_FLAG' });
      expect(refused.message).toContain(message);
    }
  });

  test('flags by which a word of the source means something else, however they say so', async () => {
    const specs = join(fresh(), 'specs');
    writeFileSync(specs, '*cpp:\n+ -Dfloat=double\n');
    const refused = await failure({ compiler: pretender(`exec gcc -specs=${specs} "$@"`), flags: ['-O3'] });
    expect(refused).toMatchObject({ name: 'OptionError', code: 'COMPILER_FLAG' });
    expect(refused.message).toContain('defines float');
  });

  test('a cache directory that others can write, that cannot be made, or that somebody else has', async () => {
    const open = fresh();
    chmodSync(open, 0o777);
    const refused = await failure({ cacheDirectory: open });
    expect(refused).toMatchObject({ name: 'OptionError', code: 'CACHE_DIRECTORY' });
    expect(refused.message).toContain(open);
    const group = fresh();
    chmodSync(group, 0o770);
    expect(await failure({ cacheDirectory: group })).toMatchObject({ code: 'CACHE_DIRECTORY' });
    const inside = join(open, 'own');
    mkdirSync(inside, { mode: 0o700 });
    expect(await failure({ cacheDirectory: inside })).toMatchObject({ code: 'CACHE_DIRECTORY' });
    const file = join(fresh(), 'file');
    writeFileSync(file, '');
    for (const cacheDirectory of [file, '/dev/null/lazuli', '/proc/self'])
      expect(await failure({ cacheDirectory })).toMatchObject({ name: 'OptionError', code: 'CACHE_DIRECTORY' });
    if (process.getuid!() === 0) {
      const theirs = fresh();
      chownSync(theirs, 12345, 12345);
      expect(await failure({ cacheDirectory: theirs })).toMatchObject({ code: 'CACHE_DIRECTORY' });
    }
    expect(readdirSync(open)).toEqual(['own']);
  });

  test('libraries that were cut off, altered, or that others could write are built again', async () => {
    const cacheDirectory = fresh();
    const made = join(cacheDirectory, 'made');
    expect(double(await native({ cacheDirectory: made, threads: 1 }))).toEqual([2, 2, 2]);
    expect(statSync(made).mode & 0o777).toBe(0o700);
    const libraries = librariesIn(made).map((name) => join(made, name));
    expect(libraries).toHaveLength(2);
    const good = libraries.map((path) => readFileSync(path));
    // As new files: this process has the old ones in memory.
    const spoil: ((path: string, bytes: Buffer) => void)[] = [
      (path, bytes) => writeFileSync(path, bytes.subarray(0, 100)),
      (path, bytes) => writeFileSync(path, bytes.with(2000, bytes[2000]! ^ 1)),
      (path, bytes) => writeFileSync(path, bytes, { mode: 0o600 }),
      // It would keep a reader waiting.
      (path) => execFileSync('mkfifo', [path]),
    ];
    for (const way of spoil) {
      libraries.forEach((path, i) => {
        rmSync(path);
        way(path, good[i]!);
        chmodSync(path, way === spoil[2] ? 0o666 : 0o600);
      });
      expect(double(await native({ cacheDirectory: made, threads: 1 }))).toEqual([2, 2, 2]);
      libraries.forEach((path, i) => {
        expect(readFileSync(path).equals(good[i]!)).toBe(true);
        expect(statSync(path).mode & 0o777).toBe(0o600);
      });
    }
    expect(librariesIn(made)).toHaveLength(2);
    for (const path of libraries) {
      rmSync(path);
      mkdirSync(path);
    }
    expect(await failure({ cacheDirectory: made })).toMatchObject({ name: 'OptionError', code: 'CACHE_DIRECTORY' });
  });

  test('fma is another entry of the cache, whose sums of products alone have other bits', async () => {
    const cacheDirectory = fresh();
    const [apart, together] = [
      await native({ cacheDirectory, threads: 1 }),
      await native({ cacheDirectory, threads: 1, fma: true }),
    ];
    // 1 + 2⁻¹² squared has a last bit that rounding apart loses.
    const x = tensor(new Float32Array(64).fill(1 + 2 ** -12));
    const run = (backend: typeof apart): number[][] =>
      jit((v: Tensor) => [v.mul(v).sub(1), v.mul(3), v.sub(1).div(v)], { backend })(x).map((each) => [
        ...each.dataSync(),
      ]);
    const [a, b] = [run(apart), run(together)];
    expect(a[0]![0]).toBe(Math.fround(Math.fround((1 + 2 ** -12) ** 2) - 1));
    expect(b[0]![0]).toBe((1 + 2 ** -12) ** 2 - 1);
    expect(b.slice(1)).toEqual(a.slice(1));
    expect(librariesIn(cacheDirectory)).toHaveLength(4);
  });

  test('a directory has other libraries for another version of the package, and stays small', () => {
    const directory = fresh();
    const toolchain = findToolchain({ compiler: undefined, flags: ['-O0'], fma: false });
    const sources = [1, 2, 3, 4].map((i) => `int f${i}(void) { return ${i}; }`);
    const [older, newer] = ['1.0.0', '2.0.0'].map(
      (version) => new LibraryCache(new CacheDirectory(directory), toolchain, version),
    );
    const first = older!.library(sources[0]!);
    expect(newer!.library(sources[0]!)).not.toBe(first);
    expect(older!.library(sources[0]!)).toBe(first);
    const { size } = statSync(first);
    const small = new LibraryCache(new CacheDirectory(directory, 2.5 * size), toolchain, '1.0.0');
    const paths = sources.map((source) => {
      const path = small.library(source);
      small.directory.touch(path);
      return path;
    });
    // What was used last stays.
    const left = readdirSync(directory);
    expect(left.length).toBeLessThanOrEqual(2);
    expect(left).toContain(basename(paths[3]!));
  });

  test('a user whose home is no place has no cache, and is told so', async () => {
    const program = `delete process.env.XDG_CACHE_HOME;
      for (process.env.HOME of ['', 'relative']) await native().catch(({ name, message }) => console.log(name, message));`;
    expect(await started(program)).toMatch(
      /OptionError CACHE_DIRECTORY: .*"".*\n.*OptionError CACHE_DIRECTORY: .*"relative"/,
    );
  });

  test('processes that build at once in an empty directory all get the library', async () => {
    const cacheDirectory = fresh();
    const program = `const cpu = await native({ cacheDirectory: ${JSON.stringify(cacheDirectory)}, threads: 1, flags: ['-O0'] });
      console.log(jit((x) => x.mul(3).sum(), { backend: cpu })(ones([100])).item());`;
    expect(await Promise.all([started(program), started(program), started(program)])).toEqual(['300', '300', '300']);
    const libraries = librariesIn(cacheDirectory);
    expect(libraries).toHaveLength(2);
    // And what the compiler said.
    const others = readdirSync(cacheDirectory).filter((name) => !libraries.includes(name));
    expect(others).toEqual([expect.stringMatching(/\.macros$/)]);
  });

  test('a process with threads ends by itself, and so does one whose worker has a backend too', async () => {
    const program = `const cpu = await native({ cacheDirectory: ${JSON.stringify(DIRECTORY)}, threads: 3, [TUNING]: { smallTasks: true } });
      const x = ones([5000]);
      const sum = jit((x) => x.mul(2).sum(), { backend: cpu })(x).item();`;
    expect(
      await started(`${program}
        if (isMainThread) new Worker(new URL(import.meta.url)).on('message', (theirs) => console.log(sum, theirs));
        else parentPort.postMessage(sum);`),
    ).toBe('10000 10000');
  });

  test('setThreads reaches it', async () => {
    const mine = await native({ cacheDirectory: DIRECTORY, threads: 2 });
    expect(mine.threads().count).toBe(2);
    mine.setThreads(3);
    expect(mine.threads().count).toBe(3);
    await setThreads(1);
    expect(mine.threads().count).toBe(1);
    expect(() => mine.setThreads(0)).toThrow(/THREADS/);
    cpu.setThreads(3);
  });

  test('no name of the user reaches the source', () => {
    const evil = '*/ int main(void) { "\\\n#include </etc/passwd>';
    const w = new TrainVar(zeros([3]));
    const f = jit((x: Record<string, Tensor>) => void (w.value = w.value.add(x[evil]!)), { backend: cpu, name: evil });
    const { source } = f.inspect({ [evil]: ones([3]) });
    expect(source).not.toContain('main');
    expect(source).not.toContain('passwd');
    f({ [evil]: ones([3]) });
    expect([...w.value.dataSync()]).toEqual([1, 1, 1]);
  });
});

/** What a module with these lines prints in a process of its own. */
function started(body: string): Promise<string> {
  const path = join(fresh(), 'program.mjs');
  writeFileSync(
    path,
    `import { Worker, isMainThread, parentPort } from 'node:worker_threads';
     import { jit, native, ones, TUNING } from ${JSON.stringify(LIBRARY)};
     ${body}`,
  );
  return new Promise((resolve, reject) => {
    const child = spawn('node', [path], { timeout: 120_000 });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('error', reject);
    child.on('close', (status) => (status === 0 ? resolve(stdout.trim()) : reject(new Error(stderr))));
  });
}
