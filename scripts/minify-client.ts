/**
 * The last step of a build: what a report's page carries as text (`src/report/client/`) loses its comments, spaces and long
 * names. Everything else of the package is left to whoever bundles it.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { transformSync } from 'esbuild';

const folder = new URL('../dist/src/report/client/', import.meta.url);
for (const name of readdirSync(folder).filter((each) => each.endsWith('.js'))) {
  const file = new URL(name, folder);
  const { code } = transformSync(readFileSync(file, 'utf8'), { minify: true, format: 'esm', target: 'es2022' });
  writeFileSync(file, code);
  // It would lead to other lines.
  rmSync(new URL(`${name}.map`, folder));
}
