/** Loads the user's file, TypeScript too, and the library that it imports. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { extname, resolve } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import type * as library from '../index.js';
import type { Jitted } from '../trace/jit.js';
import { UsageError } from './usage.js';

export type Library = typeof library;

/** What a file exports. */
export interface LoadedStep {
  readonly step: Jitted<unknown[], unknown>;
  readonly args: readonly unknown[];
  /** The file's path. */
  readonly file: string;
}

/** Makes `import()` read TypeScript. @throws UsageError where neither Node nor tsx can. */
async function readTypeScript(file: string): Promise<void> {
  if ((process.features as { readonly typescript?: unknown }).typescript) return;
  // The project's own, or one beside this package.
  for (const from of [file, import.meta.url]) {
    let found: string;
    try {
      found = createRequire(from).resolve('tsx');
    } catch {
      // The next place.
      continue;
    }
    // Loading it registers it, once.
    await import(pathToFileURL(found).href);
    return;
  }
  throw new UsageError(
    `${file} is TypeScript, which Node ${process.versions.node} does not read by itself: npm install --save-dev tsx`,
  );
}

/** The step that `file` exports as `name`, its arguments, and the library. */
export async function loadStep(
  file: string,
  name: string,
): Promise<{ readonly library: Library; readonly loaded: LoadedStep }> {
  const path = resolve(file);
  if (!existsSync(path)) throw new UsageError(`there is no file ${file}`);
  if (/^\.[cm]?tsx?$/.test(extname(path))) await readTypeScript(path);
  const exported = (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  const step = exported[name];
  // It would have a copy of the library of its own.
  if (step === undefined && typeof exported.default === 'object' && name in (exported.default ?? {}))
    throw new Error(
      `${file} is CommonJS: name it .${/^\.c?ts/.test(extname(path)) ? 'mts' : 'mjs'}, or put "type": "module" into its package.json`,
    );
  if (typeof step !== 'function' || !('inspect' in step))
    throw new Error(
      step === undefined
        ? `${file} exports no ${name}; it exports ${Object.keys(exported).join(', ') || 'nothing'}`
        : `${name} of ${file} is no jitted function: export const ${name} = jit(…)`,
    );
  const given: unknown = typeof exported.args === 'function' ? await (exported.args as () => unknown)() : exported.args;
  if (!Array.isArray(given)) throw new Error(`${file} exports no array 'args', the arguments of ${name}`);
  // By its name, so that it is the copy which the file imports.
  const entry = 'lazuli';
  return {
    library: (await import(entry)) as Library,
    loaded: { step: step as LoadedStep['step'], args: given, file: path },
  };
}
