import { spawn } from 'node:child_process';
import fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CheckpointError } from '../../src/core/errors.js';
import { readFileBytes, writeFileAtomically } from '../../src/io/atomic-file.js';
import { bundled } from '../support/processes.js';

let folder = '';
beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'lazuli-atomic-'));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await fs.rm(folder, { recursive: true });
});

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = async (file: string): Promise<string> => new TextDecoder().decode(await readFileBytes(file));

async function expectCode(promise: Promise<unknown>, code: string): Promise<void> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(CheckpointError);
  expect((error as CheckpointError).code).toBe(code);
}

describe('writeFileAtomically and readFileBytes', () => {
  it('write and read whole files, views and empty ones too', async () => {
    const file = join(folder, 'a.npz');
    for (const bytes of [
      bytesOf('first'),
      new Uint8Array(0),
      bytesOf('a longer one').subarray(2),
      new Uint8Array(3e6).fill(7),
    ]) {
      await writeFileAtomically(file, bytes);
      const read = await readFileBytes(file);
      expect(Buffer.compare(read, bytes)).toBe(0);
      expect([read.byteOffset, read.buffer.byteLength]).toEqual([0, bytes.length]);
    }
    expect(await fs.readdir(folder)).toEqual(['a.npz']);
  });

  it('reach the disk in the order that makes a write atomic', async () => {
    const log: string[] = [];
    const open = fs.open.bind(fs);
    vi.spyOn(fs, 'open').mockImplementation(async (name, flags) => {
      const handle = await open(name, flags);
      const what = name === folder ? 'folder' : 'temporary';
      log.push(`open ${what} ${flags}`);
      const sync = handle.sync.bind(handle);
      const close = handle.close.bind(handle);
      handle.sync = async () => (log.push(`sync ${what}`), sync());
      handle.close = async () => (log.push(`close ${what}`), close());
      return handle;
    });
    const rename = fs.rename.bind(fs);
    vi.spyOn(fs, 'rename').mockImplementation(async (from, to) => (log.push('rename'), rename(from, to)));
    await writeFileAtomically(join(folder, 'a'), bytesOf('x'));
    expect(log).toEqual([
      'open temporary wx',
      'sync temporary',
      'close temporary',
      'rename',
      'open folder r',
      'sync folder',
      'close folder',
    ]);
  });

  it.each(['sync', 'write'] as const)('a failing %s leaves the old file and no other', async (method) => {
    const file = join(folder, 'a');
    await writeFileAtomically(file, bytesOf('old'));
    const open = fs.open.bind(fs);
    vi.spyOn(fs, 'open').mockImplementation(async (name, flags) => {
      const handle = await open(name, flags);
      handle[method] = () => Promise.reject(new Error('ENOSPC: no space left on device'));
      return handle;
    });
    await expectCode(writeFileAtomically(file, bytesOf('new')), 'CHECKPOINT_WRITE');
    vi.restoreAllMocks();
    expect(await textOf(file)).toBe('old');
    expect(await fs.readdir(folder)).toEqual(['a']);
  });

  it('a write that is short goes on', async () => {
    const open = fs.open.bind(fs);
    vi.spyOn(fs, 'open').mockImplementation(async (name, flags) => {
      const handle = await open(name, flags);
      const write = handle.write.bind(handle) as (b: Uint8Array, at: number, n: number) => Promise<unknown>;
      handle.write = ((b: Uint8Array, at: number, n: number) => write(b, at, Math.min(n, 2))) as never;
      return handle;
    });
    await writeFileAtomically(join(folder, 'a'), bytesOf('seven…!'));
    vi.restoreAllMocks();
    expect(await textOf(join(folder, 'a'))).toBe('seven…!');
  });

  it('an existing file keeps its permissions, a link its target', async () => {
    const [file, link] = [join(folder, 'a'), join(folder, 'latest')];
    await fs.writeFile(file, 'old');
    await fs.chmod(file, 0o640);
    await fs.symlink('a', link);
    await writeFileAtomically(link, bytesOf('new'));
    expect((await fs.lstat(link)).isSymbolicLink()).toBe(true);
    expect([await textOf(file), (await fs.stat(file)).mode & 0o777]).toEqual(['new', 0o640]);
  });

  it('a link to nothing has its target made, through links and folders', async () => {
    await fs.mkdir(join(folder, 'runs'));
    await fs.symlink('runs/latest', join(folder, 'a'));
    await fs.symlink('../final', join(folder, 'runs', 'latest'));
    await writeFileAtomically(join(folder, 'a'), bytesOf('new'));
    expect((await fs.lstat(join(folder, 'a'))).isSymbolicLink()).toBe(true);
    expect((await fs.lstat(join(folder, 'runs', 'latest'))).isSymbolicLink()).toBe(true);
    expect((await fs.lstat(join(folder, 'final'))).isFile()).toBe(true);
    expect(await textOf(join(folder, 'a'))).toBe('new');
    await fs.symlink('none/there', join(folder, 'b'));
    await expectCode(writeFileAtomically(join(folder, 'b'), bytesOf('x')), 'CHECKPOINT_WRITE');
    await fs.symlink('c', join(folder, 'c'));
    await expectCode(writeFileAtomically(join(folder, 'c'), bytesOf('x')), 'CHECKPOINT_WRITE');
    expect((await fs.lstat(join(folder, 'c'))).isSymbolicLink()).toBe(true);
  });

  it('temporary files of processes that ended go with the next write, others stay', async () => {
    let temporary = '';
    const rename = fs.rename.bind(fs);
    vi.spyOn(fs, 'rename').mockImplementation(async (from, to) => ((temporary = String(from)), rename(from, to)));
    await writeFileAtomically(join(folder, 'a'), bytesOf('x'));
    const named = (pid: number, host = /\/\.lazuli-(.*)-\d+-[\da-f-]{36}/.exec(temporary)![1]!): string =>
      `.lazuli-${host}-${pid}-${crypto.randomUUID()}.tmp`;
    const ended = spawn(process.execPath, ['-e', '']);
    await new Promise((resolve) => ended.on('exit', resolve));
    const before = named(process.pid);
    const stale = [named(ended.pid!), before];
    const kept = [
      '.lazuli-notes.tmp',
      'b.tmp',
      named(process.ppid),
      named(process.pid),
      named(ended.pid!, 'elsewhere'),
    ];
    for (const name of [...stale, ...kept]) await fs.writeFile(join(folder, name), '');
    await fs.utimes(join(folder, before), 1, 1);
    await writeFileAtomically(join(folder, 'a'), bytesOf('y'));
    expect((await fs.readdir(folder)).sort()).toEqual(['a', ...kept].sort());
  });

  it('faults have codes', async () => {
    await expectCode(readFileBytes(join(folder, 'none')), 'CHECKPOINT_MISSING');
    await expectCode(readFileBytes(folder), 'CHECKPOINT_UNREADABLE');
    await expectCode(readFileBytes('/dev/zero'), 'CHECKPOINT_UNREADABLE');
    await expectCode(readFileBytes(join(folder, 'a\0b')), 'CHECKPOINT_UNREADABLE');
    await expectCode(writeFileAtomically(join(folder, 'none', 'a'), bytesOf('x')), 'CHECKPOINT_WRITE');
    await expectCode(writeFileAtomically(folder, bytesOf('x')), 'CHECKPOINT_WRITE');
    expect(await fs.readdir(folder)).toEqual([]);
  });
});

const WRITER = bundled(`
  import { writeFileAtomically } from './src/io/atomic-file.js';
  for (let turn = 0; ; turn++) {
    await writeFileAtomically(process.argv[2], new Uint8Array(4e6).fill(turn));
    if (turn === 1) console.log('running');
  }`);

it('a kill at any moment leaves the old file or the new one', async () => {
  const file = join(folder, 'state');
  for (let kill = 0; kill < 6; kill++) {
    const child = spawn(process.execPath, [WRITER, file], { stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = new Promise((resolve) => child.on('exit', resolve));
    await new Promise((resolve) => child.stdout.once('data', resolve));
    await new Promise((resolve) => setTimeout(resolve, 5 + 7 * kill));
    child.kill('SIGKILL');
    await exited;
    const bytes = await readFileBytes(file);
    expect(bytes.length).toBe(4e6);
    expect(bytes.findIndex((value) => value !== bytes[0])).toBe(-1);
  }
  await writeFileAtomically(file, bytesOf('last'));
  expect(await fs.readdir(folder)).toEqual(['state']);
});

it('a bundle for a page holds no module of Node, and names the way out', async () => {
  const entry = fileURLToPath(new URL('../../src/io/atomic-file.ts', import.meta.url));
  const { outputFiles, warnings } = await build({
    entryPoints: [entry],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    write: false,
  });
  expect(warnings).toEqual([]);
  const text = outputFiles[0]!.text;
  expect(text).not.toMatch(/^import |require\(|import\(["'`]/m);
  // A page cannot import `node:…`; neither can this module, whose specifiers lead nowhere.
  const page = join(folder, 'page.mjs');
  await fs.writeFile(page, text.replaceAll('node:', 'no-node:'));
  const module = (await import(pathToFileURL(page).href)) as { readFileBytes: typeof readFileBytes };
  await expect(module.readFileBytes('a')).rejects.toMatchObject({ code: 'UNSUPPORTED_FILES' });
});
