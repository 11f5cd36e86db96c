/**
 * Who may import whom (ARCHITECTURE.md draws the same picture):
 *
 *   core ← ops ← {transform, compile} ← lower ← runtime ← trace ← {nn, optim, object, io, report} ← data ← train ← cli
 *
 * A folder imports from those to its left and from its own braces. Cycles are forbidden everywhere, those of types too. Run
 * by `npm run check:layers`.
 */
const layers = [
  ['core'],
  ['ops'],
  ['transform', 'compile'],
  ['lower'],
  ['runtime'],
  ['trace'],
  ['nn', 'optim', 'object', 'io', 'report'],
  ['data'],
  ['train'],
  ['cli'],
];

const oneOf = (names) => `(${names.join('|')})`;

/** One rule per row of `layers`: nothing that stands further right. */
const layerRules = layers.slice(0, -1).map((row, i) => ({
  name: `layer-${row.join('-')}`,
  comment: `${row.join(', ')} may import only ${layers
    .slice(0, i + 1)
    .flat()
    .join(', ')}`,
  severity: 'error',
  from: { path: `^src/${oneOf(row)}/` },
  to: { path: `^src/${oneOf(layers.slice(i + 1).flat())}/` },
}));

module.exports = {
  forbidden: [
    ...layerRules,
    {
      name: 'no-cycle',
      comment:
        'A cycle of values loads in an order that nobody chose, and files that describe each other are one description in two places. Move what both sides need to the left.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'known-folder',
      comment: 'A new folder of src/ needs its place in `layers`; only index.ts and connected.ts live in src/ itself.',
      severity: 'error',
      from: {},
      to: { path: '^src/', pathNot: [`^src/${oneOf(layers.flat())}/`, '^src/(index|connected)\\.ts$'] },
    },
    {
      name: 'no-barrel',
      comment: 'src/index.ts is the only barrel; import the file that defines the name.',
      severity: 'error',
      from: {},
      to: { path: '^(src|backends)/.+/index\\.ts$' },
    },
    {
      name: 'nothing-imports-the-entry',
      comment: 'src/index.ts is for users (examples, tests, bench); inside, import the file that defines the name.',
      severity: 'error',
      from: { path: '^(src|backends)/', pathNot: '^src/cli/' },
      to: { path: '^src/index\\.ts$' },
    },
    {
      name: 'only-the-entry-imports-backends',
      comment: 'Backends are plugged in by src/connected.ts; the rest of src knows the Backend interface.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(index|connected)\\.ts$' },
      to: { path: '^backends/' },
    },
    {
      name: 'what-backends-see',
      comment: 'A backend sees core, ops, the program and loop types and the Backend interface.',
      severity: 'error',
      from: { path: '^backends/' },
      to: { path: '^src/', pathNot: '^src/(core|ops|compile|lower|runtime)/' },
    },
    {
      name: 'backends-stand-alone',
      comment: 'What two backends share belongs in src/compile or src/runtime.',
      severity: 'error',
      from: { path: '^backends/([^/]+)/' },
      to: { path: '^backends/', pathNot: '^backends/$1/' },
    },
    {
      name: 'files-are-for-io',
      comment: 'Only saveStates, loadStates, the command line and the cache of native programs touch the file system.',
      severity: 'error',
      from: { path: '^(src|backends)/', pathNot: '^(src/(io|cli)|backends/native)/' },
      to: { dependencyTypes: ['core'], path: '^(node:)?fs(/|$)' },
    },
    {
      name: 'node-modules-on-demand',
      comment:
        'A page may load any file of src and backends but native’s, so Node’s own modules are imported dynamically.',
      severity: 'error',
      from: { path: '^(src|backends)/', pathNot: '^(src/cli|backends/native)/' },
      to: { dependencyTypes: ['core'], dynamic: false, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'runtime-dependencies-only',
      comment:
        'What is published may not import a development dependency that is no peer, nor one that package.json lacks.',
      severity: 'error',
      from: { path: '^(src|backends)/' },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'undetermined'],
        dependencyTypesNot: ['type-only', 'npm-peer'],
      },
    },
    {
      name: 'resolvable',
      comment: 'Every import must lead to a file; the benchmark has packages of its own.',
      severity: 'error',
      from: { pathNot: '^bench/' },
      to: { couldNotResolve: true },
    },
    {
      name: 'published-code-knows-no-tests',
      comment: 'src and backends import neither tests, examples nor scripts.',
      severity: 'error',
      from: { path: '^(src|backends)/' },
      to: { path: '^(test|examples|bench|scripts)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default'] },
  },
};
