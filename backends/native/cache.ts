/**
 * Compiled libraries on disk, by hash of all that decides them, and what is kept beside them (`plans.ts`). A file ends in the
 * digest of what is before it and of its own name, so one that was cut off or altered is built again; it is written under
 * another name and renamed, so processes that build at once never see half of one. Nobody else may be able to write the
 * directory: what lies there runs.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  type Dirent,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
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
const LIBRARY = '.so';
/** Above this the files that were used longest ago go. */
const MOST_BYTES = 256 << 20;
/** A name that a killed process left behind is of no use after this. */
const STALE_MILLISECONDS = 3_600_000;
const REMEDY = 'Give { cacheDirectory } a directory of your own that nobody else can write (mode 0700).';

const refuse = (facts: string, cause?: unknown): OptionError =>
  new OptionError('CACHE_DIRECTORY', facts, REMEDY, { cause });

/** The user's cache directory, as the system has it. @throws OptionError `CACHE_DIRECTORY` for a user without a home. */
export function defaultCacheDirectory(): string {
  const { XDG_CACHE_HOME } = process.env;
  const isMac = process.platform === 'darwin';
  // A relative one is to be ignored, the specification says.
  if (!isMac && XDG_CACHE_HOME !== undefined && isAbsolute(XDG_CACHE_HOME)) return join(XDG_CACHE_HOME, 'lazuli');
  let home: string;
  try {
    home = homedir();
  } catch (cause) {
    throw refuse(`this user has no home directory for a cache: ${String(cause)}`, cause);
  }
  if (!isAbsolute(home)) throw refuse(`the home directory for a cache is ${JSON.stringify(home)}, no absolute path`);
  return join(home, isMac ? 'Library/Caches' : '.cache', 'lazuli');
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

/** C, and the key of its library where that is known. */
export interface CachedSource {
  readonly text: string;
  readonly key?: string | undefined;
}

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
   * What `open` makes of the library that `source` compiles to, whose text is not asked for if there is one under its key. One
   * that cannot be opened is built again: another process may have removed it just now.
   * @throws BackendUnavailableError `COMPILER_FAILED` with the compiler's message and the place of the source
   * @throws OptionError `CACHE_DIRECTORY` if it cannot be written any more
   */
  open<T>(source: CachedSource, flags: readonly string[], open: (path: string) => T): T {
    for (let isSecond = false; ; isSecond = true) {
      const { key } = source;
      const isKept = key !== undefined && this.read(key, LIBRARY) !== undefined;
      const path = isKept ? this.pathOf(key, LIBRARY) : this.library(source.text, flags);
      try {
        const opened = open(path);
        this.touch(path);
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
    if (this.read(key, LIBRARY) === undefined)
      this.#write(key, LIBRARY, (made) => {
        const { compiler, flags: own } = this.toolchain;
        const { failure } = runCompiler(compiler, [...own, ...flags, '-o', made, '-', '-lm'], source);
        // What is written at the end of a link would be somebody else's.
        const isFile = lstatSync(made, { throwIfNoEntry: false })?.isFile() === true;
        if (failure !== undefined || !isFile) throw this.#failure(source, flags, failure ?? 'made no file');
      });
    return this.pathOf(key, LIBRARY);
  }

  /** The name under which what `text` says is kept. */
  keyOf(text: string, flags: readonly string[] = []): string {
    const hash = createHash('sha256').update(this.#seed).update(flags.join('\0')).update('\0').update(text);
    return hash.digest('hex').slice(0, 40);
  }

  /** What is kept under `key`, unless it is not as it was written, or not the user's own. */
  read(key: string, extension: string): Buffer | undefined {
    let file: number;
    try {
      // A pipe would wait for who writes it.
      file = openSync(this.pathOf(key, extension), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch {
      return undefined;
    }
    try {
      const stats = fstatSync(file);
      if (!stats.isFile() || stats.uid !== process.getuid!() || (stats.mode & 0o022) !== 0) return undefined;
      const bytes = readFileSync(file);
      const content = bytes.subarray(0, -DIGEST_BYTES);
      const isGood = bytes.length > DIGEST_BYTES && digestOf(key, content).equals(bytes.subarray(-DIGEST_BYTES));
      return isGood ? content : undefined;
    } finally {
      closeSync(file);
    }
  }

  /**
   * Keeps `text` under `key`.
   * @throws OptionError `CACHE_DIRECTORY` if it cannot be written any more
   */
  keep(key: string, extension: string, text: string): void {
    this.#write(key, extension, (made) => writeFileSync(made, text));
  }

  pathOf(key: string, extension: string): string {
    return join(this.directory, `${key}${extension}`);
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

  /** Lets `write` write the content under another name, adds the digest and renames. */
  #write(key: string, extension: string, write: (made: string) => void): void {
    const path = this.pathOf(key, extension);
    const made = join(this.directory, `${key}.${process.pid}.${randomBytes(6).toString('hex')}.tmp`);
    try {
      // Somebody may have removed it since it was checked.
      mkdirSync(this.directory, { recursive: true, mode: 0o700 });
      try {
        write(made);
        writeFileSync(made, digestOf(key, readFileSync(made)), { flag: 'a' });
        chmodSync(made, 0o600);
        renameSync(made, path);
      } finally {
        rmSync(made, { recursive: true, force: true });
      }
      this.#clean(path);
    } catch (cause) {
      if (cause instanceof LazuliError) throw cause;
      throw refuse(`the cache directory ${this.directory} cannot be written: ${String(cause)}`, cause);
    }
  }

  /** Marks a file as used now, if it is still there: what is loaded needs its file no more. */
  touch(path: string): void {
    const now = new Date();
    try {
      utimesSync(path, now, now);
    } catch (error) {
      // Another process may remove it at any moment.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
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
