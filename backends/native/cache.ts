/** Compiled libraries, kept by hash of all that decides them. */
import { lstatSync, rmSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { BackendUnavailableError } from '../../src/core/errors.js';
import { runCompiler } from './compiler.js';
import { type CacheDirectory, keyOf } from './directory.js';
import type { Toolchain } from './toolchain.js';

const LIBRARY = '.so';

/** C, and the key of its library where that is known. */
export interface CachedSource {
  readonly text: string;
  readonly key?: string | undefined;
}

export class LibraryCache {
  readonly #seed: string;

  /** `version` is that of the package: another may print other programs under the same text. */
  constructor(
    readonly directory: CacheDirectory,
    readonly toolchain: Toolchain,
    version: string,
  ) {
    const { compiler, version: compilerVersion, flags, processor } = toolchain;
    this.#seed = JSON.stringify([version, compiler, compilerVersion, flags, processor, process.arch, process.platform]);
  }

  /** The name under which what `text` decides is kept, with this compiler. */
  keyOf(text: string, flags: readonly string[] = []): string {
    return keyOf(this.#seed, flags.join('\0'), text);
  }

  /**
   * What `open` makes of the library that `source` compiles to, whose text is not asked for if there is one under its key. One
   * that cannot be opened is built again: another process may have removed it just now.
   * @throws BackendUnavailableError `COMPILER_FAILED` with the compiler's message and the place of the source
   * @throws OptionError `CACHE_DIRECTORY` if it cannot be written any more
   */
  open<T>(source: CachedSource, flags: readonly string[], open: (path: string) => T): T {
    const { directory } = this;
    for (let isSecond = false; ; isSecond = true) {
      const { key } = source;
      const isKept = key !== undefined && directory.read(key, LIBRARY) !== undefined;
      const path = isKept ? directory.pathOf(key, LIBRARY) : this.library(source.text, flags);
      try {
        const opened = open(path);
        directory.touch(path);
        return opened;
      } catch (cause) {
        // It may be good where it lies, but not for this process.
        rmSync(path, { force: true });
        if (isSecond) throw this.#failure(source.text, flags, `made what cannot be loaded: ${String(cause)}`, cause);
      }
    }
  }

  /**
   * The path of the library that `source` compiles to.
   * @throws as {@link open}
   */
  library(source: string, flags: readonly string[] = []): string {
    const key = this.keyOf(source, flags);
    if (this.directory.read(key, LIBRARY) === undefined)
      this.directory.write(key, LIBRARY, (made) => {
        const { compiler, flags: own } = this.toolchain;
        const { failure } = runCompiler(compiler, [...own, ...flags, '-o', made, '-', '-lm'], source);
        // What is written at the end of a link would be somebody else's.
        const isFile = lstatSync(made, { throwIfNoEntry: false })?.isFile() === true;
        if (failure !== undefined || !isFile) throw this.#failure(source, flags, failure ?? 'made no file');
      });
    return this.directory.pathOf(key, LIBRARY);
  }

  /** Keeps the source, for who wants to see what is wrong with it. */
  #failure(source: string, flags: readonly string[], facts: string, cause?: unknown): BackendUnavailableError {
    const { compiler, flags: own } = this.toolchain;
    const place = this.directory.pathOf(keyOf(source), '.c');
    writeFileSync(place, source, { mode: 0o600 });
    return new BackendUnavailableError(
      'COMPILER_FAILED',
      `${compiler} ${facts}`,
      `The source is ${place}, the arguments were ${[...own, ...flags].join(' ')}.`,
      { cause },
    );
  }
}
