// Rules that find faults, not tastes (Prettier has those). Typed, and held under a minute on two cores:
// warnings fail, so every rule here is on or off.
import js from '@eslint/js';
import tseslint from 'typescript-eslint';

const published = ['src/**/*.ts', 'backends/**/*.ts'];

export default tseslint.config(
  { ignores: ['dist/', 'coverage/', '.cache/', 'bench/', 'examples/.*/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      // `x !== x` is how the numerics ask for NaN.
      'no-self-compare': 'off',
      // Coefficients are quoted with all the digits of their source; rounding to the nearest double is meant.
      'no-loss-of-precision': 'off',
      'no-implicit-coercion': ['error', { boolean: false, number: false, string: true }],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'Random numbers come from a key: random.uniform(key, …).' },
        { object: 'it', property: 'only', message: 'Run one test with `vitest -t`.' },
        { object: 'test', property: 'only', message: 'Run one test with `vitest -t`.' },
        { object: 'describe', property: 'only', message: 'Run one suite with `vitest -t`.' },
      ],

      // `import { type A }` would leave an import for its side effects in the output.
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: false }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allowArray: true, allowNullish: true },
      ],
      '@typescript-eslint/prefer-promise-reject-errors': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/no-deprecated': 'error',
      '@typescript-eslint/no-unnecessary-boolean-literal-compare': 'error',
      // An interface may be asynchronous where one of its implementations need not wait.
      '@typescript-eslint/require-await': 'off',
    },
  },
  {
    files: published,
    rules: {
      'no-console': ['error', { allow: ['warn'] }],
      'no-restricted-globals': [
        'error',
        ...['process', 'Buffer', 'require', '__dirname', '__filename', 'global', 'setImmediate'].map((name) => ({
          name,
          message: 'A page has none. Ask globalThis for it, and do without.',
        })),
      ],
      'no-eval': 'error',
      'no-new-func': 'error',
    },
  },
  {
    // Backends that emit JavaScript compile it with `new Function`; names and constants are escaped by their emitters.
    files: ['backends/*/**/*.ts'],
    rules: { 'no-new-func': 'off', '@typescript-eslint/no-implied-eval': 'off' },
  },
  {
    // Tests read goldens and generated code, whose types are what the test is about to find out.
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-implied-eval': 'off',
    },
  },
  {
    files: ['**/*.js', '**/*.mjs', '**/*.cjs'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { globals: { console: 'readonly', module: 'writable', process: 'readonly' } },
  },
);
