/**
 * What a page loads: lazuli bundled, minified and gzipped. Chunks that are loaded on demand (checkpoint files and their
 * zip code) are no part of it, so what `import()` names is left outside; a bundler that splits does the same.
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
  { name: 'core + js + wasm', import: '{ jit, valueAndGrad, tensor, TrainVar }', limit: '80.9 kB' },
  { name: 'a page that trains', import: '{ jit, valueAndGrad, tensor, TrainVar, Adadelta }', limit: '88.3 kB' },
  { name: 'everything', import: '*', limit: '120 kB' },
];

export default pages.map((page) => ({
  ...page,
  path: 'dist/src/index.js',
  gzip: true,
  modifyEsbuildConfig: (config) => ({ ...config, format: 'esm', target: 'es2022', plugins: [withoutChunks] }),
}));
