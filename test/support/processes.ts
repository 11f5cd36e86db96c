/**
 * Scripts as users start them, without what a process of `tsx` costs: it loads the 440 files of the library one by one, in two
 * seconds and a half of processor time.
 */
import { buildSync } from 'esbuild';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { format } from 'node:util';
import { afterAll, vi } from 'vitest';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** What the script at `path`, from the root, prints by `console.log`; in this process, since the library is loaded here. */
export async function printed(path: string, ...args: readonly string[]): Promise<string> {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  const argv = process.argv;
  process.argv = [process.execPath, path, ...args];
  try {
    await import(pathToFileURL(join(ROOT, path)).href);
    return log.mock.calls.map((line) => `${format(...line)}\n`).join('');
  } finally {
    process.argv = argv;
    log.mockRestore();
  }
}

/** A file of JavaScript for processes of their own: the module `contents` with all of the library that it imports. */
export function bundled(contents: string): string {
  // Where the packages that stay outside are found.
  const folder = mkdtempSync(join(ROOT, 'test', '.bundle-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const outfile = join(folder, 'bundle.mjs');
  buildSync({
    stdin: { contents, resolveDir: ROOT, loader: 'ts' },
    bundle: true,
    // The package says that none of its files has effects; a script is nothing else.
    ignoreAnnotations: true,
    // The library's own names are paths of tsconfig.json.
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    tsconfig: join(ROOT, 'tsconfig.json'),
    outfile,
  });
  return outfile;
}
