// What a user gets: builds dist/, packs it, and tries the tarball as an empty project would. Nothing here reads the
// working tree's sources; only the tools (tsc, esbuild, publint, attw, size-limit) come from this repository.
//
//   node        `lazuli` is few files, and the consumer trains two steps in Node, then with batches and fit, writes a report, and reads a
//               table, which needs an optional package
//   types       it type-checks under NodeNext and Bundler, without skipLibCheck, DOM or @types/node
//   browser     esbuild and Rolldown bundle it for a page without a shim, and it runs where Node's globals are missing
//   worker      the module lazuli/wasm-worker, bundled, listens for messages
//   publint, attw, size-limit
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';
import { build } from 'esbuild';
import type { BuildOptions } from 'esbuild';
import { build as rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = (name: string): string => join(root, 'node_modules', '.bin', name);

function run(cwd: string, command: string, ...args: string[]): void {
  const { status, error } = spawnSync(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) throw new Error(`${basename(command)} ${args.join(' ')} failed`, { cause: error });
}

function step(title: string): void {
  console.log(`· ${title}`);
}

/** Packs the built package into `folder` → the tarball's path. */
function pack(folder: string): string {
  run(root, 'npm', 'run', '--silent', 'build');
  run(root, 'npm', 'pack', '--silent', '--ignore-scripts', '--pack-destination', folder);
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error('npm pack made no tarball');
  return join(folder, tarball);
}

/** An empty project with the tarball installed and the consumer's files in it → its folder. */
function install(folder: string, tarball: string): string {
  const project = join(folder, 'consumer');
  cpSync(join(root, 'test', 'package', 'consumer'), project, { recursive: true });
  writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  run(project, 'npm', 'install', '--silent', '--no-audit', '--no-fund', '--prefer-offline', tarball);
  return project;
}

/** What a page has and a bare realm has not; nothing of Node's. */
function pageGlobals(): Record<string, unknown> {
  const { console, performance, TextEncoder, TextDecoder, URL, Blob, crypto, queueMicrotask, structuredClone } =
    globalThis;
  const { setTimeout, clearTimeout, MessageChannel } = globalThis;
  return {
    ...{ console, performance, TextEncoder, TextDecoder, URL, Blob, crypto, queueMicrotask, structuredClone },
    ...{ setTimeout, clearTimeout, MessageChannel },
  };
}

/** Fails if Node opens many files for `lazuli`: each costs about a millisecond of every process. */
function loadsFewFiles(project: string): void {
  const loaded = new Set<string>();
  const load = (file: string): void => {
    if (loaded.has(file)) return;
    loaded.add(file);
    for (const [, name] of readFileSync(file, 'utf8').matchAll(/^(?:im|ex)port .* from ["'](\..*)["'];$/gm))
      load(join(dirname(file), name!));
  };
  const dist = join(project, 'node_modules', 'lazuli', 'dist');
  load(join(dist, 'src', 'index.js'));
  if (loaded.size < 2 || loaded.size > 30) throw new Error(`import('lazuli') opens ${loaded.size} files`);
}

/** Bundles the consumer into one script for a page, once by each bundler → the scripts by bundler. */
async function bundleForPage(project: string): Promise<Map<string, string>> {
  const esbuildFile = join(project, 'esbuild.js');
  const { warnings } = await build({ ...page(project), outfile: esbuildFile, format: 'iife', globalName: 'page' });
  if (warnings.length > 0) throw new Error(`esbuild warns ${warnings.length} times about the page's bundle`);

  // Unlike esbuild, Rolldown (so Vite) skips the body of a re-exporting file that package.json calls free of side
  // effects: it shows whether the backends are still registered.
  const { output } = await rolldown({
    cwd: project,
    input: join(project, 'train.ts'),
    platform: 'browser',
    onLog(level, log) {
      if (level === 'warn') throw new Error(`rolldown warns about the page's bundle: ${log.message}`);
    },
    output: { format: 'iife', name: 'page', codeSplitting: false, minify: true },
    write: false,
  });
  return new Map([
    ['esbuild', readFileSync(esbuildFile, 'utf8')],
    ['rolldown', output[0].code],
  ]);
}

/** Runs a page's script where Node's globals are missing. */
async function runInPage(name: string, script: string): Promise<void> {
  const context = vm.createContext(pageGlobals());
  vm.runInContext('globalThis.self = globalThis.window = globalThis;', context);
  vm.runInContext(script, context, { filename: `${name}.js` });
  await (vm.runInContext('page.finished', context) as Promise<void>);
}

/**
 * Fails if a page that only trains loads anything but lazuli and itself (zip, parser, graph layout). Rolldown (so Vite)
 * splits by what is used; esbuild puts a file that is both re-exported and imported on demand into every page.
 */
async function pageLoadsOnlyLazuli(project: string): Promise<void> {
  const { output } = await rolldown({
    cwd: project,
    input: join(project, 'train.ts'),
    platform: 'browser',
    output: { format: 'esm' },
    write: false,
  });
  const chunks = output.filter((each) => each.type === 'chunk');
  const queue = chunks.filter((chunk) => chunk.isEntry).map((chunk) => chunk.fileName);
  const loaded = new Set<string>();
  for (const name of queue) {
    const chunk = chunks.find((each) => each.fileName === name);
    for (const [id, module] of Object.entries(chunk?.modules ?? {})) if (module.renderedLength > 0) loaded.add(id);
    for (const next of chunk?.imports ?? []) if (!queue.includes(next)) queue.push(next);
  }
  const own = /node_modules\/lazuli\/|train\.ts$|rolldown\/runtime/;
  const strangers = [...loaded].filter((id) => !own.test(id));
  if (loaded.size < 2) throw new Error(`the page loads only ${[...loaded].join(', ')}`);
  if (strangers.length > 0) throw new Error(`a page that only trains loads ${strangers.join(', ')}`);
}

/** Fails unless `lazuli/wasm-worker`, as one file, does in a worker's global scope what a thread of the pool does first. */
async function workerListens(project: string): Promise<void> {
  const { outputFiles, warnings } = await build({
    ...page(project),
    entryPoints: ['lazuli/wasm-worker'],
    format: 'esm',
    write: false,
  });
  if (warnings.length > 0) throw new Error(`esbuild warns ${warnings.length} times about the worker's bundle`);
  const context = vm.createContext({});
  vm.runInContext(outputFiles[0]!.text, context, { filename: 'wasm-worker.js' });
  if (vm.runInContext('typeof onmessage', context) !== 'function') throw new Error('the worker does not listen');
}

function page(project: string) {
  return {
    absWorkingDir: project,
    entryPoints: ['train.ts'],
    bundle: true,
    minify: true,
    platform: 'browser',
    target: 'es2022',
  } satisfies BuildOptions;
}

const folder = mkdtempSync(join(tmpdir(), 'lazuli-package-'));
try {
  step('build and pack');
  const tarball = pack(folder);
  step('install into an empty project');
  const project = install(folder, tarball);

  step('types, NodeNext');
  run(project, bin('tsc'), '-p', 'tsconfig.nodenext.json');
  step('types, Bundler');
  run(project, bin('tsc'), '-p', 'tsconfig.bundler.json');
  step('Node');
  loadsFewFiles(project);
  run(project, process.execPath, join(project, 'nodenext', 'train.js'));
  run(project, process.execPath, join(project, 'nodenext', 'fit.js'));
  run(project, process.execPath, join(project, 'nodenext', 'report.js'));
  run(project, process.execPath, join(project, 'nodenext', 'csv.js'), 'without');
  run(project, 'npm', 'install', '--silent', '--no-audit', '--no-fund', join(root, 'node_modules', 'papaparse'));
  run(project, process.execPath, join(project, 'nodenext', 'csv.js'));
  for (const [bundler, script] of await bundleForPage(project)) {
    step(`a page, bundled by ${bundler}`);
    await runInPage(bundler, script);
  }
  await pageLoadsOnlyLazuli(project);
  step("the worker's module");
  await workerListens(project);

  step('publint');
  run(root, bin('publint'), 'run', tarball, '--strict');
  step('are the types wrong');
  run(root, bin('attw'), tarball, '--profile', 'esm-only', '--no-emoji', '--format', 'ascii');
  step('size');
  run(root, bin('size-limit'));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
