/**
 * What a page loads: lazuli bundled, minified and gzipped. Chunks that are loaded on demand (checkpoint files and their
 * zip code) are no part of it, so what `import()` names is left outside; a bundler that splits does the same. Rolldown's
 * bundles are 4 % smaller than these of esbuild.
 *
 * The goal of the first page is 82 kB. Limits stand just above what is there.
 */
const withoutChunks = {
  name: 'without chunks loaded on demand',
  setup(build) {
    build.onResolve({ filter: /.*/ }, ({ kind, path }) =>
      kind === 'dynamic-import' ? { path, external: true } : undefined,
    );
  },
};

const pages = [
  { name: 'core + js + wasm', import: '{ jit, valueAndGrad, tensor, TrainVar }', limit: '136.0 kB' },
  { name: 'a page that trains', import: '{ jit, valueAndGrad, tensor, TrainVar, Adadelta }', limit: '148.4 kB' },
  // The loop and batches; files, which are loaded on demand, are no part of it.
  {
    name: 'a page that fits',
    import: {
      'dist/src/index.js': '{ jit, valueAndGrad, tensor, TrainVar, Adadelta }',
      'dist/src/data/data.js': '{ batches }',
      'dist/src/train/train.js': '{ fit }',
    },
    limit: '153.5 kB',
  },
  // What README's example of an MLP needs; bundlers other than esbuild take as little of `import { nn } from 'lazuli'`.
  {
    name: 'a page that trains an MLP of nn layers',
    import: {
      'dist/src/index.js': '{ jit, valueAndGrad, tensor, Adam, crossEntropy }',
      'dist/src/nn/nn.js': '{ Linear, Sequential }',
    },
    limit: '150.9 kB',
  },
  // Of this 36 kB are the parser, acorn.
  { name: 'a page that lifts', import: '{ lift }', limit: '161.6 kB' },
  { name: 'everything', import: '*', limit: '261.8 kB' },
];

export default pages.map((page) => ({
  path: 'dist/src/index.js',
  ...page,
  gzip: true,
  modifyEsbuildConfig: (config) => ({ ...config, format: 'esm', target: 'es2022', plugins: [withoutChunks] }),
}));
