/** The entry `lazuli/native`: runs programs as C that the system's compiler makes native. Node alone; koffi calls it. */
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import process from 'node:process';
import type * as Koffi from 'koffi';
import { BackendUnavailableError, OptionError } from '../../src/core/errors.js';
import { checkFlag, checkOptions, describeValue } from '../../src/core/options.js';
import { registerEmitter } from '../../src/runtime/registry.js';
import { createNativeBackend, emitter, type NativeBackend, type Tuning, TUNING } from './backend.js';
import { LibraryCache } from './cache.js';
import { askOnce } from './compiler.js';
import { CacheDirectory, defaultCacheDirectory } from './directory.js';
import { ENTRY, joinSources } from './emit/program.js';
import type { Code } from './executable.js';
import { type AddressOf, NativeMemory } from './memory.js';
import { checkThreads, Pool, type PoolLibrary } from './pool.js';
import { POOL_SOURCE } from './pool-source.js';
import { nativeTarget } from './target.js';
import { checkSystem, findToolchain } from './toolchain.js';

export type { NativeBackend } from './backend.js';

/** Which compiler is called, with which flags, and where programs are kept. */
export interface NativeOptions {
  /** The C compiler, by name or path; the first of gcc, clang and cc that is there, unless given. */
  readonly compiler?: string;
  /** More arguments for it. Those that would change results have no effect; those of the preprocessor are refused. */
  readonly flags?: readonly string[];
  /** Where compiled programs are kept; in the user's cache directory, unless given. Nobody else may be able to write it. */
  readonly cacheDirectory?: string;
  /** Whether a product and its sum may be rounded once: faster on some processors, with other bits than the other backends. */
  readonly fma?: boolean;
  /** Threads, the calling one included; the number of cores, unless given. */
  readonly threads?: number;
}

/** Part of what libraries are kept under: grows when a program of the same text is to be built anew. */
const FORMAT = 'lazuli 0.1.0';

const checkText = (option: string, value: unknown): void => {
  if (value !== undefined && (typeof value !== 'string' || value === '' || value.includes('\0')))
    throw new OptionError(
      'BAD_OPTION',
      `native got ${option} = ${describeValue(value)}`,
      `${option} is a string that is not empty.`,
    );
};

async function loadKoffi(): Promise<typeof Koffi> {
  // Not for bundlers: it brings a library of its own.
  const name = 'koffi';
  try {
    const loaded = (await import(/* @vite-ignore */ name)) as typeof Koffi & { default?: typeof Koffi };
    return loaded.default ?? loaded;
  } catch (cause) {
    throw new BackendUnavailableError(
      'NO_KOFFI',
      `the npm package koffi, which calls C, could not be loaded: ${cause instanceof Error ? cause.message : String(cause)}`,
      'Install it: npm install koffi.',
      { cause },
    );
  }
}

/**
 * A backend of C: emitted for this processor, compiled by the system's compiler, kept on disk.
 * @throws BackendUnavailableError `NO_KOFFI`, `NO_COMPILER` with what was tried; `COMPILER_FAILED`
 * @throws OptionError for an option outside its range; `COMPILER_FLAG`; `CACHE_DIRECTORY` where others could write
 * @throws UnsupportedError `NATIVE_PLATFORM`, `NATIVE_PROCESSOR`
 * @example setDefaultBackend(await native({ threads: 2 }));
 */
export async function native(options: NativeOptions = {}): Promise<NativeBackend> {
  checkOptions('native', options, ['compiler', 'flags', 'cacheDirectory', 'fma', 'threads']);
  const { compiler, flags = [], cacheDirectory, fma = false, threads } = options;
  const { [TUNING]: tuning = {} } = options as { [TUNING]?: Tuning };
  checkText('compiler', compiler);
  checkText('cacheDirectory', cacheDirectory);
  checkFlag('native', 'fma', fma);
  if (!Array.isArray(flags))
    throw new OptionError('BAD_OPTION', `native got flags = ${describeValue(flags)}`, 'flags is a list of strings.');
  for (const flag of flags) checkText('a flag', flag);
  if (threads !== undefined) checkThreads('native', threads);
  checkSystem(flags);
  const koffi = await loadKoffi();
  const directory = new CacheDirectory(cacheDirectory ?? defaultCacheDirectory());
  const toolchain = findToolchain({ compiler, flags, fma }, askOnce(directory));
  const cache = new LibraryCache(directory, toolchain, FORMAT);

  const poolFlags = ['-pthread', ...(process.platform === 'linux' ? ['-Wl,-z,nodelete'] : [])];
  const pool = cache.open({ text: POOL_SOURCE }, poolFlags, (path): PoolLibrary => {
    const library = koffi.load(path);
    (library.func('lazuli_keep_memory', 'void', []) as () => void)();
    return {
      create: library.func('lazuli_pool_new', 'intptr_t', []) as PoolLibrary['create'],
      resize: library.func('lazuli_pool_resize', 'int', ['intptr_t', 'int']) as PoolLibrary['resize'],
      destroy: library.func('lazuli_pool_delete', 'void', ['intptr_t']) as PoolLibrary['destroy'],
    };
  });
  const addressOf: AddressOf = (view) => Number(koffi.address(view));
  return createNativeBackend(
    {
      compiler: toolchain.version,
      processor: toolchain.processor,
      target: nativeTarget(toolchain.machine),
      memory: new NativeMemory(addressOf, tuning.makeBytes),
      pool: new Pool(pool, availableParallelism(), threads),
      cache,
      load(sources): Code[] {
        const isOne = sources.length === 1;
        return cache.open(isOne ? sources[0]! : { text: joinSources(sources) }, [], (path) => {
          const library = koffi.load(path);
          return sources.map((_, i) => ({
            run: library.func(isOne ? ENTRY : `${ENTRY}_${i}`, 'void', ['intptr_t', 'intptr_t']) as Code['run'],
            unload: () => isOne && library.unload(),
          }));
        });
      },
      disassemble({ text }) {
        const { stdout, error } = spawnSync('objdump', ['-d', '--no-show-raw-insn', cache.library(text)], {
          encoding: 'utf8',
          maxBuffer: 1 << 28,
        });
        if (error !== undefined)
          throw new BackendUnavailableError(
            'NO_OBJDUMP',
            'there is no objdump to show machine code',
            'Install binutils.',
            { cause: error },
          );
        return stdout;
      },
    },
    tuning,
  );
}

registerEmitter({
  name: 'native',
  ...emitter(nativeTarget(process.arch === 'arm64' ? 'neon' : 'avx2'), {}),
  threads: () => ({ count: 1, reason: 'no compiler was asked yet: await native() does' }),
});
