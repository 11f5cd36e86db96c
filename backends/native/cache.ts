/**
 * Compiled libraries on disk, by hash of all that decides them. A file ends in the digest of what is before it and of its own
 * name, so one that was cut off or altered is built again; it is written under another name and renamed, so processes that
 * build at once never see half of one. Nobody else may be able to write the directory: what lies there runs.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  type Dirent,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import process from 'node:process';
import { BackendUnavailableError, LazuliError, OptionError } from '../../src/core/errors.js';
import { runCompiler, type Toolchain } from './toolchain.js';

const DIGEST_BYTES = 32;
/** Above this the files that were used longest ago go. */
const MOST_BYTES = 256 << 20;
/** A name that a killed process left behind is of no use after this. */
const STALE_MILLISECONDS = 3_600_000;
const REMEDY = 'Give { cacheDirectory } a directory of your own that nobody else can write (mode 0700).';

const refuse = (facts: string, cause?: unknown): OptionError =>
  new OptionError('CACHE_DIRECTORY', facts, REMEDY, { cause });

/** The user's cache directory, as the system has it. */
export function defaultCacheDirectory(): string {
  const { XDG_CACHE_HOME } = process.env;
  if (process.platform === 'darwin') return join(homedir(), 'Library/Caches/lazuli');
  // A relative one is to be ignored, the specification says.
  const isGiven = XDG_CACHE_HOME !== undefined && isAbsolute(XDG_CACHE_HOME);
  return join(isGiven ? XDG_CACHE_HOME : join(homedir(), '.cache'), 'lazuli');
}

/** @throws OptionError `CACHE_DIRECTORY` unless it is the user's own and nobody else's to write. */
function checkDirectory(directory: string): string {
  let path: string;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    path = realpathSync(directory);
  } catch (cause) {
    throw refuse(`the cache directory ${directory} cannot be made: ${String(cause)}`, cause);
  }
  const { uid, mode } = statSync(path);
  const self = process.getuid!();
  if (uid !== self) throw refuse(`the cache directory ${path} belongs to user ${uid}, not to ${self}`);
  if ((mode & 0o022) !== 0)
    throw refuse(`others can write the cache directory ${path} (mode 0${(mode & 0o777).toString(8)})`);
  for (let above = dirname(path); ; above = dirname(above)) {
    const { mode: theirs } = statSync(above);
    if ((theirs & 0o002) !== 0 && (theirs & 0o1000) === 0)
      throw refuse(`others can replace the cache directory ${path}, because they can write ${above}`);
    if (above === dirname(above)) break;
  }
  const name = join(path, `.${process.pid}.${randomBytes(6).toString('hex')}`);
  try {
    writeFileSync(name, '', { flag: 'wx' });
    rmSync(name);
  } catch (cause) {
    throw refuse(`the cache directory ${path} cannot be written: ${String(cause)}`, cause);
  }
  return path;
}

const digestOf = (key: string, content: Uint8Array): Buffer =>
  createHash('sha256').update(key).update(content).digest();

export class LibraryCache {
  readonly directory: string;
  readonly #seed: string;
  readonly #most: number;

  /** `version` is that of the package: another may print other programs under the same text. At most about `most` bytes stay. */
  constructor(
    directory: string,
    readonly toolchain: Toolchain,
    version: string,
    most = MOST_BYTES,
  ) {
    this.#most = most;
    this.directory = checkDirectory(directory);
    const { compiler, version: compilerVersion, flags, processor } = toolchain;
    this.#seed = JSON.stringify([version, compiler, compilerVersion, flags, processor, process.arch, process.platform]);
  }

  /**
   * What `open` makes of the library that `source` compiles to. One that cannot be opened is built again: another process may
   * have removed it just now.
   * @throws BackendUnavailableError `COMPILER_FAILED` with the compiler's message and the place of the source
   * @throws OptionError `CACHE_DIRECTORY` if it cannot be written any more
   */
  open<T>(source: string, flags: readonly string[], open: (path: string) => T): T {
    for (let isSecond = false; ; isSecond = true) {
      const path = this.library(source, flags);
      try {
        const opened = open(path);
        this.touch(path);
        return opened;
      } catch (cause) {
        // It may be good where it lies, but not for this process.
        rmSync(path, { force: true });
        if (isSecond) throw this.#failure(source, flags, `made what cannot be loaded: ${String(cause)}`, cause);
      }
    }
  }

  /**
   * The path of the library that `source` compiles to.
   * @throws as {@link open}
   */
  library(source: string, flags: readonly string[] = []): string {
    const key = createHash('sha256')
      .update(this.#seed)
      .update(flags.join('\0'))
      .update('\0')
      .update(source)
      .digest('hex')
      .slice(0, 40);
    const path = join(this.directory, `${key}.so`);
    if (this.#isGood(key, path)) return path;
    try {
      // Somebody may have removed it since it was checked.
      mkdirSync(this.directory, { recursive: true, mode: 0o700 });
      this.#build(key, path, source, flags);
    } catch (cause) {
      if (cause instanceof LazuliError) throw cause;
      throw refuse(`the cache directory ${this.directory} cannot be written: ${String(cause)}`, cause);
    }
    return path;
  }

  /** Keeps the source, for who wants to see what is wrong with it. */
  #failure(source: string, flags: readonly string[], facts: string, cause?: unknown): BackendUnavailableError {
    const { compiler, flags: own } = this.toolchain;
    const place = join(this.directory, `${createHash('sha256').update(source).digest('hex').slice(0, 40)}.c`);
    writeFileSync(place, source, { mode: 0o600 });
    return new BackendUnavailableError(
      'COMPILER_FAILED',
      `${compiler} ${facts}`,
      `The source is ${place}, the arguments were ${[...own, ...flags].join(' ')}.`,
      { cause },
    );
  }

  /** Whether the file is the user's own and as it was written. */
  #isGood(key: string, path: string): boolean {
    let file: number;
    try {
      // A pipe would wait for who writes it.
      file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch {
      return false;
    }
    try {
      const stats = fstatSync(file);
      if (!stats.isFile() || stats.uid !== process.getuid!() || (stats.mode & 0o022) !== 0) return false;
      const bytes = readFileSync(file);
      const content = bytes.subarray(0, -DIGEST_BYTES);
      if (bytes.length <= DIGEST_BYTES || !digestOf(key, content).equals(bytes.subarray(-DIGEST_BYTES))) return false;
      return true;
    } finally {
      closeSync(file);
    }
  }

  #build(key: string, path: string, source: string, flags: readonly string[]): void {
    const { compiler, flags: own } = this.toolchain;
    const made = join(this.directory, `${key}.${process.pid}.${randomBytes(6).toString('hex')}.tmp`);
    try {
      const { failure } = runCompiler(compiler, [...own, ...flags, '-o', made, '-', '-lm'], source);
      if (failure !== undefined || !existsSync(made)) throw this.#failure(source, flags, failure ?? 'made no file');
      const content = readFileSync(made);
      writeFileSync(made, digestOf(key, content), { flag: 'a' });
      chmodSync(made, 0o600);
      renameSync(made, path);
    } finally {
      rmSync(made, { force: true });
    }
    this.#clean(path);
  }

  /** Marks a library as used now, if it is still there: what is loaded needs its file no more. */
  touch(path: string): void {
    const now = new Date();
    if (existsSync(path)) utimesSync(path, now, now);
  }

  /** Removes the libraries that were used longest ago, but for `kept`, until the rest is small, and what nobody will finish. */
  #clean(kept: string): void {
    const now = Date.now();
    let bytes = 0;
    const files = readdirSync(this.directory, { withFileTypes: true })
      .flatMap((entry: Dirent) => {
        const path = join(this.directory, entry.name);
        const stats = statSync(path, { throwIfNoEntry: false });
        return entry.isFile() && stats !== undefined ? [{ path, size: stats.size, at: stats.mtimeMs }] : [];
      })
      .sort((a, b) => b.at - a.at);
    for (const { path, size, at } of files) {
      bytes += size;
      const isStale = path.endsWith('.tmp') && now - at > STALE_MILLISECONDS;
      if (isStale || (bytes > this.#most && path !== kept && !path.endsWith('.tmp'))) rmSync(path, { force: true });
    }
  }
}
