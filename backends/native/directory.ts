/**
 * Files that one process keeps on disk for later ones: libraries (`cache.ts`), plans (`plans.ts`), what compilers said of
 * themselves (`compiler.ts`). A file ends in the digest of what is before it and of its own name, so one that was cut off or
 * altered is made again; it is written under another name and renamed, so processes that write at once never see half of one.
 * Nobody else may be able to write the directory: what lies there runs.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  type Dirent,
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
import { LazuliError, OptionError } from '../../src/core/errors.js';

const DIGEST_BYTES = 32;
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

/** @throws OptionError `CACHE_DIRECTORY` unless `path`, if it is there, is the user's own and nobody else's to write. */
function checkOwner(path: string): void {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  const { uid, mode } = stats;
  const self = process.getuid!();
  if (uid !== self) throw refuse(`the cache directory ${path} belongs to user ${uid}, not to ${self}`);
  if ((mode & 0o022) !== 0)
    throw refuse(`others can write the cache directory ${path} (mode 0${(mode & 0o777).toString(8)})`);
}

/** Makes it, if need be. @throws OptionError `CACHE_DIRECTORY` unless it can be written, by nobody but the user. */
function checkDirectory(directory: string): string {
  let path: string;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    path = realpathSync.native(directory);
  } catch (cause) {
    throw refuse(`the cache directory ${directory} cannot be made: ${String(cause)}`, cause);
  }
  checkOwner(path);
  for (let above = dirname(path); ; above = dirname(above)) {
    const { mode } = statSync(above);
    if ((mode & 0o002) !== 0 && (mode & 0o1000) === 0)
      throw refuse(`others can replace the cache directory ${path}, because they can write ${above}`);
    if (above === dirname(above)) break;
  }
  try {
    accessSync(path, constants.W_OK);
  } catch (cause) {
    throw refuse(`the cache directory ${path} cannot be written: ${String(cause)}`, cause);
  }
  return path;
}

const digestOf = (key: string, content: Uint8Array): Buffer =>
  createHash('sha256').update(key).update(content).digest();

/** The name under which what `parts` decide is kept. */
export function keyOf(...parts: readonly string[]): string {
  const hash = createHash('sha256');
  // Of equal texts that are divided otherwise there are two keys.
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest('hex').slice(0, 40);
}

export class CacheDirectory {
  readonly path: string;
  #hasWarned = false;

  /** At most about `most` bytes stay. @throws OptionError `CACHE_DIRECTORY` unless it can be written, by nobody but the user. */
  constructor(
    directory: string,
    readonly most = MOST_BYTES,
  ) {
    this.path = checkDirectory(directory);
  }

  pathOf(key: string, extension: string): string {
    return join(this.path, `${key}${extension}`);
  }

  /**
   * What is kept under `key`, unless it is not as it was written, or not the user's own.
   * @throws OptionError `CACHE_DIRECTORY` if others can write it by now
   */
  read(key: string, extension: string): Buffer | undefined {
    checkOwner(this.path);
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

  /** Keeps `text` under `key` for later processes; this one can do without, so where it cannot be written a warning says so, once. */
  keep(key: string, extension: string, text: string): void {
    try {
      this.write(key, extension, (made) => writeFileSync(made, text));
    } catch (error) {
      if (!(error instanceof OptionError)) throw error;
      if (!this.#hasWarned) console.warn(`lazuli: native keeps nothing for later processes: ${error.message}`);
      this.#hasWarned = true;
    }
  }

  /**
   * Lets `write` write the content under another name, adds the digest and renames.
   * @throws OptionError `CACHE_DIRECTORY` if it cannot be written any more; LazuliError that `write` throws
   */
  write(key: string, extension: string, write: (made: string) => void): void {
    const path = this.pathOf(key, extension);
    const made = join(this.path, `${key}.${process.pid}.${randomBytes(6).toString('hex')}.tmp`);
    try {
      // Somebody may have removed it since it was checked.
      mkdirSync(this.path, { recursive: true, mode: 0o700 });
      checkOwner(this.path);
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
      throw refuse(`the cache directory ${this.path} cannot be written: ${String(cause)}`, cause);
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

  /** Removes the files that were used longest ago, but for `kept`, until the rest is small, and what nobody will finish. */
  #clean(kept: string): void {
    const now = Date.now();
    let bytes = 0;
    const files = readdirSync(this.path, { withFileTypes: true })
      .flatMap((entry: Dirent) => {
        const path = join(this.path, entry.name);
        const stats = statSync(path, { throwIfNoEntry: false });
        return entry.isFile() && stats !== undefined ? [{ path, size: stats.size, at: stats.mtimeMs }] : [];
      })
      .sort((a, b) => b.at - a.at);
    for (const { path, size, at } of files) {
      bytes += size;
      const isStale = path.endsWith('.tmp') && now - at > STALE_MILLISECONDS;
      if (isStale || (bytes > this.most && path !== kept && !path.endsWith('.tmp'))) rmSync(path, { force: true });
    }
  }
}
