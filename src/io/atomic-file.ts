/**
 * Whole files, read and written: the one place that touches the file system. A write is atomic: at every moment the
 * name leads to all of the old file or to all of the new one, also after a kill or a loss of power.
 *
 * Node's modules are imported when they are called for, by a name that bundlers do not follow, so that a page's bundle
 * contains none of them.
 */
import type * as fsModule from 'node:fs/promises';
import type * as osModule from 'node:os';
import type * as pathModule from 'node:path';
import type * as processModule from 'node:process';
import { CheckpointError, UnsupportedError } from '../core/errors.js';
import { allocateBytes, quote } from './array-file.js';

type FileSystem = typeof fsModule;
type Path = typeof pathModule;
type Process = typeof processModule;
type FileHandle = Awaited<ReturnType<FileSystem['open']>>;

/** Bytes of one system call: Linux moves at most 2³¹ − 4096 at once. */
const CALL_BYTES = 2 ** 30;

/** @throws UnsupportedError `UNSUPPORTED_FILES` where there is no such module, as in a page. */
async function importNode<M>(name: string): Promise<M> {
  try {
    return ((await import(/* @vite-ignore */ /* webpackIgnore: true */ name)) as { default: M }).default;
  } catch (cause) {
    throw new UnsupportedError(
      'UNSUPPORTED_FILES',
      'there is no file system here',
      'In a page, use toSafetensors and fromSafetensors with a download, fetch or IndexedDB.',
      { cause },
    );
  }
}

/**
 * The bytes of a file, in a buffer of their own that begins at offset 0, each read once. Files of 2 GiB and more,
 * which `fs.readFile` refuses, are read as well.
 *
 * @throws CheckpointError `CHECKPOINT_MISSING` if there is none; `CHECKPOINT_UNREADABLE` for a folder, a pipe, a lack of
 * rights, a failing disk, a file that shrinks meanwhile; `CHECKPOINT_LIMIT` where no buffer is as long;
 * UnsupportedError `UNSUPPORTED_FILES` in a page
 */
export async function readFileBytes(filename: string): Promise<Uint8Array<ArrayBuffer>> {
  const fs = await importNode<FileSystem>('node:fs/promises');
  let handle: FileHandle | undefined;
  try {
    // Before it is opened: opening a pipe would wait for its writer.
    const stat = await fs.stat(filename);
    if (!stat.isFile()) throw unreadable(filename, 'is no regular file');
    handle = await fs.open(filename, 'r');
    const bytes = allocateBytes(stat.size, quote(filename));
    for (let at = 0; at < bytes.length;) {
      const { bytesRead } = await handle.read(bytes, at, Math.min(CALL_BYTES, bytes.length - at), at);
      if (bytesRead === 0) throw unreadable(filename, `ends at byte ${at}, and had ${bytes.length} when it was opened`);
      at += bytesRead;
    }
    return bytes;
  } catch (cause) {
    if (cause instanceof CheckpointError) throw cause;
    if (errorCode(cause) === 'ENOENT') {
      throw new CheckpointError('CHECKPOINT_MISSING', `there is no file ${quote(filename)}`, 'Check the path.', {
        cause,
      });
    }
    throw unreadable(filename, `cannot be read: ${messageOf(cause)}`, { cause });
  } finally {
    await handle?.close();
  }
}

/**
 * Writes `bytes` as the file `filename`: into a temporary file `.lazuli-….tmp` beside it, to the disk (fsync), and by a
 * rename to its name, whose folder is synchronised too. An existing file keeps its permissions, a symbolic link its
 * target's place, also where nothing is there yet. A failure removes the temporary file; only a kill can leave one behind,
 * until the next write to that folder.
 *
 * @throws CheckpointError `CHECKPOINT_WRITE`, with the old file as it was (unless the folder alone could
 * not be synchronised, when the new file is there); UnsupportedError `UNSUPPORTED_FILES` in a page
 */
export async function writeFileAtomically(filename: string, bytes: Uint8Array): Promise<void> {
  const fs = await importNode<FileSystem>('node:fs/promises');
  const path = await importNode<Path>('node:path');
  try {
    const target = await resolveTarget(fs, path, filename);
    const folder = path.dirname(target);
    const host = await hostName();
    const process = await importNode<Process>('node:process');
    const temporary = path.join(folder, `.lazuli-${host}-${process.pid}-${crypto.randomUUID()}.tmp`);
    const mode = await modeOf(fs, target);
    try {
      await writeThrough(fs, temporary, bytes, mode);
      await fs.rename(temporary, target);
    } catch (error) {
      await fs.rm(temporary, { force: true });
      throw error;
    }
    await syncFolder(fs, folder);
    await removeStale(fs, path, process, folder, host);
  } catch (cause) {
    throw unwritable(filename, cause);
  }
}

/**
 * Whether a file could be written there, before the work that it is to hold.
 * @throws CheckpointError `CHECKPOINT_WRITE` where its folder is missing or may not be written to
 */
export async function checkFolder(filename: string): Promise<void> {
  const fs = await importNode<FileSystem>('node:fs/promises');
  const path = await importNode<Path>('node:path');
  try {
    await fs.access(path.dirname(await resolveTarget(fs, path, filename)), fs.constants.W_OK);
  } catch (cause) {
    throw unwritable(filename, cause);
  }
}

const unwritable = (filename: string, cause: unknown): CheckpointError =>
  new CheckpointError(
    'CHECKPOINT_WRITE',
    `${quote(filename)} cannot be written: ${messageOf(cause)}`,
    'Check that the folder exists, may be written to, and that its disk has room.',
    { cause },
  );

/** Symbolic links that a path leads through, at most: Linux's own limit. */
const MAX_LINKS = 40;

/** The file behind a symbolic link, which a rename onto the link would replace; it need not be there. */
async function resolveTarget(fs: FileSystem, path: Path, filename: string): Promise<string> {
  try {
    return await fs.realpath(filename);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
  let target = filename;
  for (let links = 0; links < MAX_LINKS; links++) {
    try {
      target = path.resolve(path.dirname(target), await fs.readlink(target));
    } catch (error) {
      // No link, or nothing there.
      if (['EINVAL', 'ENOENT'].includes(errorCode(error))) return target;
      throw error;
    }
  }
  throw new Error('ELOOP: too many symbolic links');
}

/** This machine, as temporary files name it: process numbers mean nothing on another that shares the folder. */
async function hostName(): Promise<string> {
  return (await importNode<typeof osModule>('node:os'))
    .hostname()
    .replaceAll(/[^\w.]/g, '_')
    .slice(0, 64);
}

/** Removes the temporary files that killed processes of this machine left in the folder. */
async function removeStale(fs: FileSystem, path: Path, process: Process, folder: string, host: string): Promise<void> {
  let names: string[];
  try {
    names = await fs.readdir(folder);
  } catch {
    // A folder may be written to and not be listed.
    return;
  }
  for (const name of names) {
    const [, itsHost, pid] = /^\.lazuli-([\w.]*)-(\d+)-[\da-f-]{36}\.tmp$/.exec(name) ?? [];
    if (itsHost !== host) continue;
    const file = path.join(folder, name);
    try {
      if (await isStale(fs, process, file, Number(pid))) await fs.rm(file, { force: true });
    } catch (error) {
      // Another process was faster, or it is somebody else's.
      if (!['ENOENT', 'EPERM', 'EACCES'].includes(errorCode(error))) throw error;
    }
  }
}

/** Whether the process that wrote the file has ended. */
async function isStale(fs: FileSystem, process: Process, file: string, pid: number): Promise<boolean> {
  // In a container that starts again, a process has the number of the one before it.
  if (pid === process.pid) return (await fs.stat(file)).mtimeMs < Date.now() - 1000 * (process.uptime() + 1);
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return errorCode(error) === 'ESRCH';
  }
}

async function modeOf(fs: FileSystem, target: string): Promise<number | undefined> {
  try {
    // A rename needs no right to the old file; a file that its owner protected is left alone all the same.
    await fs.access(target, fs.constants.W_OK);
    return (await fs.stat(target)).mode & 0o777;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function writeThrough(fs: FileSystem, name: string, bytes: Uint8Array, mode: number | undefined): Promise<void> {
  const handle = await fs.open(name, 'wx');
  try {
    if (mode !== undefined) await handle.chmod(mode);
    for (let at = 0; at < bytes.length;) {
      at += (await handle.write(bytes, at, Math.min(CALL_BYTES, bytes.length - at))).bytesWritten;
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes the rename last. Where a folder cannot be opened (Windows, or without the right to list it) the system decides when. */
async function syncFolder(fs: FileSystem, folder: string): Promise<void> {
  let handle: FileHandle;
  try {
    handle = await fs.open(folder, 'r');
  } catch {
    return;
  }
  try {
    await handle.sync();
  } catch (error) {
    // Some file systems have no such operation on folders.
    if (!['EINVAL', 'EPERM', 'ENOTSUP'].includes(errorCode(error))) throw error;
  } finally {
    await handle.close();
  }
}

const errorCode = (error: unknown): string => String((error as { code?: unknown } | null)?.code);

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const unreadable = (filename: string, facts: string, options?: ErrorOptions): CheckpointError =>
  new CheckpointError(
    'CHECKPOINT_UNREADABLE',
    `${quote(filename)} ${facts}`,
    'Check that it is a file, complete, and may be read.',
    options,
  );
