/**
 * `npx vite examples/worker` serves the page, `npx vite build examples/worker` makes files of it. With these headers the page
 * may share memory, so the Worker computes on all cores. Outside this repository there is no alias: `lazuli` is a package.
 */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const source = (path: string): string => fileURLToPath(new URL(`../../src/${path}`, import.meta.url));
const headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

export default defineConfig({
  base: './',
  server: { headers },
  preview: { headers },
  worker: { format: 'es' },
  build: { target: 'es2022' },
  resolve: {
    alias: [
      { find: /^lazuli$/, replacement: source('index.ts') },
      { find: /^lazuli\/data$/, replacement: source('data/data.ts') },
      { find: /^lazuli\/train$/, replacement: source('train/train.ts') },
    ],
  },
});
