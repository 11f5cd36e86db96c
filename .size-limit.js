/**
 * What a page loads: lazuli bundled, minified and gzipped. Chunks that are loaded on demand (checkpoint files and their
 * zip code) are no part of it, so what `import()` names is left outside; a bundler that splits does the same. Rolldown's
 * bundles are 4 % smaller than these of esbuild.
 *
 * The goal of the first page is 60 kB. Limits stand just above what is there; its bytes, file by file (what the whole
 * would lack without them), are, in kB:
 *
 *   25.7  backends/wasm: 10.4 emit, 5.3 contraction, 10.1 encoder, WAT, memory, threads
 *   12.6  src/ops, half of it the transcendental functions, which every Tensor has as methods
 *   12.5  src/trace: tensors, jit, grad, and the errors that users read
 *    9.3  src/compile
 *    4.5  src/core
 *    4.2  backends/js
 *    3.5  the rest
 *
 * Errors are 5 kB of it and reports (graph, kernels, WAT, `inspect`) about 3 kB.
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
  { name: 'core + js + wasm', import: '{ jit, valueAndGrad, tensor, TrainVar }', limit: '79.5 kB' },
  { name: 'a page that trains', import: '{ jit, valueAndGrad, tensor, TrainVar, Adadelta }', limit: '87.6 kB' },
  { name: 'everything', import: '*', limit: '112 kB' },
];

export default pages.map((page) => ({
  ...page,
  path: 'dist/src/index.js',
  gzip: true,
  modifyEsbuildConfig: (config) => ({ ...config, format: 'esm', target: 'es2022', plugins: [withoutChunks] }),
}));
