// `npm run check`: everything that must hold before a change lands, each with its time. Every part runs even if an
// earlier one failed, so that one run shows all there is to mend.
//
//   npm run check                      all parts
//   npm run check -- lint types        only these
//   npm run check -- --skip tests      all but these
import { spawnSync } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';

const parts = {
  format: 'check:format',
  lint: 'check:lint',
  types: 'check:types',
  layers: 'check:layers',
  unused: 'check:unused',
  docs: 'docs',
  tests: 'test',
  package: 'check:package',
} as const;

type Part = keyof typeof parts;

function partNames(names: readonly string[]): Part[] {
  return names.map((name) => {
    if (!Object.hasOwn(parts, name)) fail(`there is no part '${name}'; the parts are ${Object.keys(parts).join(', ')}`);
    return name as Part;
  });
}

function fail(message: string): never {
  console.error(`check: ${message}`);
  process.exit(2);
}

function readOptions() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { skip: { type: 'string', multiple: true, default: [] } },
    });
  } catch (error) {
    return fail((error as Error).message);
  }
}

const { values, positionals } = readOptions();
const skip = partNames(values.skip);
const chosen = partNames(positionals.length > 0 ? positionals : Object.keys(parts)).filter((p) => !skip.includes(p));

const results = chosen.map((part) => {
  console.log(`\n── ${part} ${'─'.repeat(Math.max(0, 76 - part.length))}`);
  const start = performance.now();
  const { status } = spawnSync('npm', ['run', '--silent', parts[part]], { stdio: ['ignore', 'inherit', 'inherit'] });
  return { part, ok: status === 0, seconds: (performance.now() - start) / 1000 };
});

console.log(`\n── check ${'─'.repeat(71)}`);
for (const { part, ok, seconds } of results) {
  console.log(`${ok ? 'ok    ' : 'FAILED'}  ${part.padEnd(8)} ${seconds.toFixed(1).padStart(6)} s`);
}
process.exitCode = results.every((result) => result.ok) ? 0 : 1;
