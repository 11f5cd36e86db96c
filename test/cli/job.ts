/**
 * Several command lines of `lazuli` in one process, which costs less than a process each: takes them as JSON, prints what each
 * wrote and its exit code as one line of JSON. FILE is loaded once, so what it prints stands with the first that loads it.
 */
import { main } from '../../src/cli/main.js';

const outcomes: { code: number; stdout: string; stderr: string }[] = [];
const real = { stdout: process.stdout.write.bind(process.stdout), stderr: process.stderr.write.bind(process.stderr) };
for (const args of JSON.parse(process.argv[2]!) as string[][]) {
  const written = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    process[name].write = (text) => {
      written[name] += String(text);
      return true;
    };
  outcomes.push({ code: await main(args), ...written });
}
process.stdout.write = real.stdout;
process.stderr.write = real.stderr;
process.stdout.write(`${JSON.stringify(outcomes)}\n`);
