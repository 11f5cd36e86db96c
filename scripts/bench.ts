// `npm run bench`: bench/ has its own package.json, so that the libraries it measures against are no dependency of
// ours. Installs it once from its lock file, then starts it with the arguments given.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

function npm(...args: string[]): void {
  const { status } = spawnSync('npm', ['--prefix', 'bench', ...args], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

if (!existsSync(`${root}bench/node_modules`)) npm('ci', '--no-audit', '--no-fund');
npm('start', '--silent', '--', ...process.argv.slice(2));
