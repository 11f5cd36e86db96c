// What Node and bundlers load: `dist/lazuli/` holds the library in few files, because a process that opens four hundred
// takes twice as long to begin. What every page or process that imports `lazuli` has is a file for each folder of `src/`
// and `backends/` (`core.js`, `ops.js`, …), what other entries add is a file each (`webgpu.js`, `train.js`, …), and what
// is loaded on demand stays apart. Beside them each source has a file in its own place (`dist/src/index.js`) that exports
// what it exported: the entries of package.json, and what tests of the built package import.
//
// Bundlers must still be able to leave out what a page does not use. They decided by files, which package.json says have no
// effects when loaded; within a file they decide by statements, so each of those is marked free of effects (`pure.ts`).
//
// tsc has written the declarations when `npm run build` comes to this.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformSync } from 'esbuild';
import { type ModuleInfo, type Plugin, rolldown } from 'rolldown';
import { digestDefine } from './digest.js';
import { markPure } from './pure.js';

interface Package {
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly sideEffects: readonly string[];
}

const root = fileURLToPath(new URL('..', import.meta.url));
const { exports, bin, sideEffects } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as Package;

const sources = ['src', 'backends'].flatMap((folder) =>
  readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `${root}${folder}/${name}`),
);
const [first, ...others] = [
  ...Object.values(exports).flatMap((target) => (typeof target === 'string' ? [] : [target.default])),
  ...Object.values(bin),
].map((file) => file.replace(/^\.\/dist\//, root).replace(/\.js$/, '.ts'));

type Modules = (id: string) => ModuleInfo | null;

/** The file of `dist/lazuli/` that each source belongs to; those that only an `import()` reaches have none. */
function filesOf(info: Modules): Map<string, string> {
  const fromOf = new Map<string, Set<string>>();
  const reach = (id: string, from: string): void => {
    const known = fromOf.get(id) ?? new Set();
    if (!id.startsWith(root) || known.has(from)) return;
    fromOf.set(id, known.add(from));
    for (const next of info(id)?.importedIds ?? []) reach(next, from);
  };
  const onDemand = new Set(sources.flatMap((id) => info(id)?.dynamicallyImportedIds ?? []));
  for (const entry of [first!, ...others, ...onDemand]) reach(entry, entry);

  // What reads and writes checkpoints is loaded on demand, but for what modules and `fit` use of it at once.
  const inIo = (id: string): boolean => id.startsWith(`${root}src/io/`);
  const atOnce = new Set<string>();
  const keep = (id: string): void => {
    if (atOnce.has(id)) return;
    atOnce.add(id);
    for (const next of info(id)?.importedIds ?? []) if (inIo(next)) keep(next);
  };
  for (const [id, from] of fromOf)
    if (!inIo(id) && id !== first && [...from].some((entry) => !onDemand.has(entry)))
      for (const next of info(id)?.importedIds ?? []) if (inIo(next)) keep(next);

  const files = new Map<string, string>();
  for (const [id, from] of fromOf) {
    // An entry's own code stands in its place.
    if (info(id)?.importers.length === 0) continue;
    const folders = dirname(id.slice(root.length)).split('/');
    // These are text in a page, and small there.
    if (folders.includes('client')) files.set(id, 'client');
    // The parser of functions comes with it.
    else if (folders.includes('lift')) files.set(id, 'lift');
    // A worker loads nothing else.
    else if ([...from].some((entry) => entry.endsWith('/worker-entry.ts'))) files.set(id, basename(id, '.ts'));
    else if (atOnce.has(id) && inIo(id)) files.set(id, 'arrays');
    else if (from.has(first!)) files.set(id, folders[1] ?? basename(id, '.ts'));
    else if (![...from].some((entry) => onDemand.has(entry)))
      files.set(id, [...from].map((entry) => basename(dirname(entry))).join('-'));
  }
  return files;
}

/** Such a list without some: `a, b as c` → `a`. */
const without = (list: string, names: ReadonlySet<string>): string =>
  list
    .split(', ')
    .filter((each) => !names.has(each.split(' as ')[0]!))
    .join(', ');

/**
 * Where the source exports another as a namespace (`export * as nn`), so does its file: bundlers see through that, and not
 * through an object with all names.
 */
function withSpaces(code: string, source: string | null): string {
  const spaces = source === null ? [] : [...readFileSync(source, 'utf8').matchAll(/^export \* as (\w+) from '.*';/gm)];
  if (spaces.length === 0) return code;
  const objects = new Set(spaces.map(([, name]) => new RegExp(`(\\w+) as ${name}\\b`).exec(code)![1]!));
  const lists = /^((?:im|ex)port \{ )(.*)( \}.*)$/gm;
  return [
    code.replace(lists, (_, before: string, list: string, after: string) => before + without(list, objects) + after),
    ...spaces.map(([line]) => line),
  ].join('\n');
}

const asPublished: Plugin = {
  name: 'as-published',
  renderChunk(code, { fileName, facadeModuleId }) {
    // Text in a page: maps would lead nowhere.
    if (fileName === 'lazuli/client.js') {
      const minified = transformSync(code, { minify: true, format: 'esm', target: 'es2022', sourcemap: true });
      return { code: minified.code, map: minified.map };
    }
    // Imports for the sake of effects that package.json says there are not.
    const text = withSpaces(code.replace(/^import "[^"]*";$/gm, ''), facadeModuleId);
    return { code: sideEffects.includes(`./dist/${fileName}`) ? text : markPure(text), map: null };
  },
};

const bundle = await rolldown({
  input: Object.fromEntries(sources.map((file) => [file.slice(root.length, -3), file])),
  platform: 'neutral',
  transform: { define: digestDefine(root, sources) },
  external: (id) => /^[@\w]/.test(id),
  treeshake: false,
  preserveEntrySignatures: 'allow-extension',
  plugins: [asPublished],
  onLog(level, { message }) {
    if (level === 'warn') throw new Error(`rolldown warns about the package: ${message}`);
  },
});
let files: Map<string, string> | undefined;
await bundle.write({
  dir: `${root}dist`,
  format: 'esm',
  sourcemap: true,
  sourcemapExcludeSources: true,
  comments: { annotation: true, jsdoc: false, legal: true },
  minify: false,
  minifyInternalExports: false,
  entryFileNames: '[name].js',
  chunkFileNames: 'lazuli/[name].js',
  codeSplitting: {
    includeDependenciesRecursively: false,
    groups: [
      {
        debugName: 'files',
        name: (id, context) => (files ??= filesOf((each) => context.getModuleInfo(each))).get(id),
      },
    ],
  },
});
