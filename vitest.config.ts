import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: {
    alias: [{ find: /^lazuli$/, replacement: fileURLToPath(new URL('src/index.ts', import.meta.url)) }],
  },
  test: {
    include: ['test/**/*.test.ts'],
    // Two cores are the smallest machine that the suite is meant for.
    maxWorkers: 2,
    // Tests of memory ask for a collection.
    execArgv: ['--expose-gc'],
    testTimeout: 60_000,
    reporters: ['default', './scripts/totals-reporter.ts'],
    passWithNoTests: false,
  },
});
