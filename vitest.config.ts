import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

// WebGPU without a graphics card: the software adapter of Debian's Chromium. Vulkan looks at this before any thread starts.
const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';
if (existsSync(SWIFTSHADER)) process.env.VK_ICD_FILENAMES ??= SWIFTSHADER;

/** `vitest --mode dist`: every import of src/ and backends/ leads to what `npm run build` made of it. */
const fromDist = {
  name: 'from-dist',
  enforce: 'pre' as const,
  resolveId(source: string, importer: string | undefined): string | undefined {
    if (source === 'lazuli') return path('dist/src/index.js');
    if (source === 'lazuli/data') return path('dist/src/data/data.js');
    if (source === 'lazuli/train') return path('dist/src/train/train.js');
    if (source === 'lazuli/webgpu') return path('dist/backends/webgpu/webgpu.js');
    if (source === 'lazuli/gpujs') return path('dist/backends/gpujs/gpujs.js');
    if (source === 'lazuli/native') return path('dist/backends/native/native.js');
    if (importer === undefined || !source.startsWith('.')) return undefined;
    const target = fileURLToPath(new URL(source, `file://${importer}`));
    const root = path('.');
    if (!target.startsWith(`${root}src/`) && !target.startsWith(`${root}backends/`)) return undefined;
    return `${root}dist/${target.slice(root.length)}`;
  },
};

// Its entry for Node is CommonJS in a package of modules, which Node refuses.
const WGSL_REFLECT = {
  find: /^wgsl_reflect$/,
  replacement: path('node_modules/wgsl_reflect/wgsl_reflect.module.js'),
};

/** The package by its own names, from source. */
const OWN_NAMES = [
  { find: /^lazuli$/, replacement: path('src/index.ts') },
  { find: /^lazuli\/data$/, replacement: path('src/data/data.ts') },
  { find: /^lazuli\/train$/, replacement: path('src/train/train.ts') },
  { find: /^lazuli\/webgpu$/, replacement: path('backends/webgpu/webgpu.ts') },
  { find: /^lazuli\/gpujs$/, replacement: path('backends/gpujs/gpujs.ts') },
  { find: /^lazuli\/native$/, replacement: path('backends/native/native.ts') },
];

/**
 * Files with a process each: they count what a process holds, replace parts of it, or load the library again. All others
 * share two: the library is loaded and gets warm once, and `test/support/fresh.ts` puts back what a file changes.
 */
const ALONE = [
  'test/docs/adding.test.ts',
  'test/errors/messages.test.ts',
  'test/gpujs/*.test.ts',
  'test/io/{npz,safetensors}.test.ts',
  'test/wasm/{failure,memory,threads}.test.ts',
];

/** What opens a browser has a command of its own, `npm run test:browser`. */
const IN_BROWSER = ['test/browser/**/*.test.ts', 'test/package/cdn.test.ts', 'test/report/page.test.ts'];
/** Those of them that know no build, so that `--mode dist` runs the others. */
const FROM_SOURCE = 'test/browser/wide/**';

/** What all kinds of files have in common. */
const project = (mode: string, test: TestProjectInlineConfiguration['test']): TestProjectInlineConfiguration => ({
  plugins: mode === 'dist' ? [fromDist] : [],
  resolve: { alias: mode === 'dist' ? [WGSL_REFLECT] : [WGSL_REFLECT, ...OWN_NAMES] },
  test: {
    setupFiles: ['test/support/fresh.ts'],
    // Tests of memory ask for a collection.
    execArgv: ['--expose-gc'],
    // Only a hang should meet this: heavy tests run for a minute on two busy cores.
    testTimeout: 300_000,
    ...test,
  },
});

export default defineConfig(({ mode }) => ({
  test: {
    projects:
      mode === 'browser'
        ? [project(mode, { name: 'browser', include: IN_BROWSER })]
        : [
            project(mode, {
              name: 'shared',
              include: ['test/**/*.test.ts'],
              exclude: [...ALONE, ...(mode === 'dist' ? [FROM_SOURCE] : IN_BROWSER)],
              isolate: false,
              sequence: { groupOrder: 0 },
            }),
            project(mode, { name: 'alone', include: ALONE, sequence: { groupOrder: 1 } }),
          ],
    // Two cores are the smallest machine that the suite is meant for.
    maxWorkers: 2,
    reporters: ['default', './scripts/totals-reporter.ts'],
    passWithNoTests: false,
  },
}));
