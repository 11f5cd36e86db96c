/** How a compiler is run, and what it says of itself, which is kept: a process that finds its libraries starts no compiler. */
import { Buffer } from 'node:buffer';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { cpus } from 'node:os';
import { basename, delimiter, resolve } from 'node:path';
import process from 'node:process';
import { type CacheDirectory, keyOf } from './directory.js';

/** A compiler that takes longer hangs. */
const TIMEOUT_MILLISECONDS = 120_000;

export interface Outcome {
  readonly stdout: string;
  /** What went wrong; undefined if nothing did. */
  readonly failure: string | undefined;
  readonly isMissing: boolean;
}

/** Runs the compiler on `source`. */
export function runCompiler(compiler: string, parameters: readonly string[], source: string): Outcome {
  const { error, status, signal, stdout, stderr } = spawnSync(compiler, parameters, {
    input: source,
    encoding: 'utf8',
    timeout: TIMEOUT_MILLISECONDS,
    maxBuffer: 1 << 28,
    // Messages in English; the locale decides nothing else.
    env: { ...process.env, LC_ALL: 'C' },
  });
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  const isMissing = code === 'ENOENT';
  let failure: string | undefined;
  if (isMissing) failure = 'is not there';
  else if (signal !== null) failure = `was killed by ${signal}`;
  // One that ends before it has read its source (EPIPE) says why by its status.
  else if (error !== undefined && code !== 'EPIPE') failure = error.message;
  else if (status !== 0) failure = `ended with status ${status}: ${firstLines(stderr)}`;
  return { stdout: stdout ?? '', failure, isMissing };
}

const firstLines = (text: string): string => text.trim().split('\n').slice(0, 8).join('\n') || 'it said nothing';

/** Asks a compiler for the macros that it defines with these flags. */
export type AskMacros = (compiler: string, flags: readonly string[]) => Outcome;

export const askMacros: AskMacros = (compiler, flags) =>
  runCompiler(compiler, ['-dM', '-E', ...flags, '-x', 'c', '-'], '');

const MACROS = '.macros';

/** {@link askMacros}, whose answers stay in `directory` for as long as nothing changes that may decide them. */
export const askOnce =
  (directory: CacheDirectory): AskMacros =>
  (compiler, flags) => {
    const circumstances = circumstancesOf(compiler, flags);
    if (circumstances === undefined) return askMacros(compiler, flags);
    const key = keyOf(MACROS, ...circumstances);
    const kept = directory.read(key, MACROS);
    if (kept !== undefined) {
      directory.touch(directory.pathOf(key, MACROS));
      return { stdout: kept.toString(), failure: undefined, isMissing: false };
    }
    const outcome = askMacros(compiler, flags);
    if (outcome.failure === undefined) directory.keep(key, MACROS, outcome.stdout);
    return outcome;
  };

/** Flags that decide by themselves; others may name a file, and nobody knows when that changes. */
const OWN_MEANING = /^-[Ofgmw][\w=+-]*$/;
/** What compilers, and those that start them, read of the environment. */
const ENVIRONMENT = /^(CCACHE_|CCC_|CLANG_|COMPILER_PATH$|CPATH$|C_INCLUDE_PATH$|GCC_)/;

/** All that decides what a compiler says; undefined where that cannot be told. */
function circumstancesOf(compiler: string, flags: readonly string[]): string[] | undefined {
  const files = filesOf(compiler);
  const processor = processorText();
  if (files.length === 0 || files.some(startsAnother) || processor === undefined) return undefined;
  if (!flags.every((flag) => OWN_MEANING.test(flag))) return undefined;
  const variables = Object.entries(process.env).filter(([name]) => ENVIRONMENT.test(name));
  return [
    JSON.stringify([flags, variables.sort(), process.arch, process.platform]),
    processor,
    ...files.map(identityOf),
  ];
}

/** The file that runs as `compiler`, and those of its name further on in the path, which it may start in its turn (ccache). */
function filesOf(compiler: string): string[] {
  const name = basename(compiler);
  const named = name === compiler ? [] : [resolve(compiler)];
  const onPath = (process.env.PATH ?? '').split(delimiter).map((folder) => resolve(folder, name));
  return [...named, ...onPath].filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true);
}

/** Changes when the file does. */
function identityOf(path: string): string {
  const { ino, size, mtimeMs, ctimeMs } = statSync(path);
  return JSON.stringify([path, realpathSync.native(path), ino, size, mtimeMs, ctimeMs]);
}

/** Whether a file starts a compiler that we cannot see: a script, or what Xcode puts in the place of its own. */
function startsAnother(path: string): boolean {
  if (process.platform === 'darwin' && path.startsWith('/usr/bin/')) return true;
  return headOf(path, 2)?.toString() === '#!';
}

/** What a processor's description says otherwise from moment to moment, or from core to core. */
const PASSING = /^(processor|cpu MHz|bogomips|core id|physical id|apicid|initial apicid)\s*:/i;
const PROCESSOR_BYTES = 1 << 14;

/** What the system knows of the first processor: -march=native follows from that. */
function processorText(): string | undefined {
  if (process.platform !== 'linux') return cpus()[0]?.model;
  const [first] = headOf('/proc/cpuinfo', PROCESSOR_BYTES)?.toString().split('\n\n') ?? [];
  return first?.split('\n').filter((line) => !PASSING.test(line)).join('\n'); // prettier-ignore
}

/** The first bytes of a file; undefined where it cannot be read. */
function headOf(path: string, bytes: number): Buffer | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return undefined;
  }
  try {
    const buffer = Buffer.alloc(bytes);
    return buffer.subarray(0, readSync(file, buffer));
  } finally {
    closeSync(file);
  }
}
