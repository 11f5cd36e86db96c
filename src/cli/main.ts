/**
 * `lazuli inspect | profile | compare FILE`. FILE exports a jitted function and its arguments. Standard output gets the
 * result and nothing else; what FILE prints, and errors, go to standard error.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import type { toHTML } from '../report/html.js';
import type { Comparison } from '../runtime/comparison.js';
import type { Report } from '../runtime/report.js';
import type { Profile } from '../runtime/report.js';
import type { BackendChoice } from '../runtime/registry.js';
import { type Library, loadStep, type LoadedStep } from './load.js';
import { UsageError } from './usage.js';

const HELP = `Shows what a step compiles to, how long its kernels take, and whether backends agree.

  lazuli inspect FILE [--backend NAME] [--all] [--machine-code] [--html OUT]
  lazuli profile FILE [--backend NAME] [--runs N] [--trace OUT]
  lazuli compare FILE [--backends A,B,…] [--tolerance ULP] [--repeats N] [--bisect] [--svg OUT]

FILE (.js, .mjs, .ts, .mts) exports a jitted function as 'step' and its arguments as the array 'args', or a
function that gives them. A .ts file needs tsx (npm install --save-dev tsx) where Node does not strip types.

  --export NAME      the export that is looked at instead of 'step'
  --backend NAME     reference, js, wasm, native, or one that FILE makes known; the step's own unless given
  --all              inspect: graphs, loops and sources too
  --machine-code     inspect: what the compiler made of the source too, with --backend native
  --html OUT         inspect: writes the report as a page
  --runs N           profile: calls that are timed (default 20)
  --trace OUT        profile: writes a trace for Perfetto or chrome://tracing
  --backends A,B,…   compare: the first is the yardstick (default reference,js,wasm)
  --tolerance ULP    compare: how far values may part (default 0)
  --repeats N        compare: calls that are timed (default 5)
  --bisect           compare: prints a script that shows the first difference
  --svg OUT          compare: writes a chart of the times
  --json             the result as JSON; an error as { "error": … }
  --help, --version

Exit codes: 0; 1 where FILE fails, or backends part or cannot run; 2 for a wrong command line.
`;

const OPTIONS = {
  export: { type: 'string' },
  backend: { type: 'string' },
  all: { type: 'boolean' },
  'machine-code': { type: 'boolean' },
  html: { type: 'string' },
  runs: { type: 'string' },
  trace: { type: 'string' },
  backends: { type: 'string' },
  tolerance: { type: 'string' },
  repeats: { type: 'string' },
  bisect: { type: 'boolean' },
  svg: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const;

type Name = keyof typeof OPTIONS;
type Count = 'runs' | 'tolerance' | 'repeats';
type Values = ReturnType<typeof parse>['values'];

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** What a command gives: its text and its JSON, and whether all is well. */
interface Outcome {
  readonly result: Report | Profile | Comparison;
  readonly text: string;
  readonly ok: boolean;
}

interface Command {
  readonly options: readonly Name[];
  /** Numbers among the options: what they are unless given, and at least. */
  readonly numbers: Readonly<Partial<Record<Count, readonly [otherwise: number, least: number]>>>;
  readonly run: (
    step: LoadedStep,
    values: Values,
    library: Library,
    numbers: Readonly<Partial<Record<Count, number>>>,
  ) => Promise<Outcome>;
}

function numberOf(name: string, text: string | undefined, otherwise: number, least: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (text?.trim() !== '' && value >= least && (name === 'tolerance' || Number.isSafeInteger(value))) return value;
  const kind = name === 'tolerance' ? 'a number' : 'a whole number';
  throw new UsageError(`--${name} takes ${kind} from ${least}, not ${JSON.stringify(text)}`);
}

/** The backend of this name; `native` is opened, by its entry's name, so that it is the library that the file imports. */
async function backendOf(name: string): Promise<BackendChoice> {
  if (name !== 'native') return name as BackendChoice;
  const entry = 'lazuli/native';
  return ((await import(entry)) as { native(): Promise<BackendChoice> }).native();
}

const COMMANDS: Readonly<Record<string, Command>> = {
  inspect: {
    options: ['backend', 'all', 'machine-code', 'html'],
    numbers: {},
    async run({ step, args, file }, { backend, all = false, 'machine-code': machineCode = false, html }) {
      const report = backend === undefined ? step.inspect(...args) : step.inspectOn(await backendOf(backend), ...args);
      if (html !== undefined) {
        const page = await loadReport();
        writeFileSync(
          html,
          await page.toHTML(report, { sources: { [basename(file)]: readFileSync(file, 'utf8') }, machineCode }),
        );
      }
      const text = report.text({ graph: all, kernels: all, source: all, machineCode });
      return { result: report, text, ok: true };
    },
  },
  profile: {
    options: ['backend', 'runs', 'trace'],
    numbers: { runs: [20, 1] },
    async run({ step, args }, { backend, trace }, { setDefaultBackend }, { runs }) {
      if (backend !== undefined) setDefaultBackend(await backendOf(backend));
      const profile = await step.profile(runs!, ...args);
      if (backend !== undefined && profile.backend !== backend)
        throw new UsageError(`the step names its own backend, ${profile.backend}: --backend cannot change it`);
      if (trace !== undefined) writeFileSync(trace, profile.toTrace().toString());
      return { result: profile, text: String(profile), ok: true };
    },
  },
  compare: {
    options: ['backends', 'tolerance', 'repeats', 'bisect', 'svg'],
    numbers: { tolerance: [0, 0], repeats: [5, 1] },
    async run({ step, args }, { backends, bisect = false, svg }, { compare }, numbers) {
      const comparison = await compare(step, args, {
        ...(backends === undefined
          ? {}
          : { backends: await Promise.all(backends.split(',').map((name) => backendOf(name.trim()))) }),
        ...numbers,
        bisect,
      });
      if (svg !== undefined) writeFileSync(svg, comparison.toSVG());
      const ok = comparison.backends.every((row) => row.error === undefined && row.firstDiffering === null);
      const scripts = comparison.backends.flatMap((row) => row.firstDiffering?.script ?? []);
      return { result: comparison, text: [String(comparison), ...scripts].join('\n\n'), ok };
    },
  },
};

/** By its name, so that it shares the library that the file imports. */
async function loadReport(): Promise<{ readonly toHTML: typeof toHTML }> {
  const name = 'lazuli/report';
  return (await import(name)) as { readonly toHTML: typeof toHTML };
}

const version = (): string => (JSON.parse(readFileSync(packageFile(), 'utf8')) as { readonly version: string }).version;

/** `package.json` stands above `src/cli` in the repository, above `dist/lazuli` in the package. */
const packageFile = (): URL => new URL('../../package.json', import.meta.url);

/** Runs the command line `args`; the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const asJSON = args.includes('--json');
  // What FILE and the backends print must not stand in the result.
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = process.stderr.write.bind(process.stderr);
  try {
    return await run(args, (text) => void write(`${text}\n`));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`${asJSON ? JSON.stringify({ error: message }) : `lazuli: ${message}`}\n`);
    return error instanceof UsageError ? 2 : 1;
  } finally {
    process.stdout.write = write;
  }
}

async function run(args: readonly string[], print: (text: string) => void): Promise<number> {
  const { values, positionals } = parse(args);
  const json = (data: unknown): string => JSON.stringify(data, undefined, 2);
  if (values.version === true) {
    print(values.json === true ? json({ version: version() }) : version());
    return 0;
  }
  if (values.help === true) {
    print(HELP.trimEnd());
    return 0;
  }
  const [name, file, ...rest] = positionals;
  if (name === undefined) throw new UsageError('no command; lazuli --help lists them');
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined)
    throw new UsageError(`there is no command ${JSON.stringify(name)}; there are ${Object.keys(COMMANDS).join(', ')}`);
  if (file === undefined || rest.length > 0) throw new UsageError(`lazuli ${name} takes one FILE`);
  const allowed: readonly string[] = [...command.options, 'export', 'json'];
  for (const key of Object.keys(values))
    if (!allowed.includes(key)) throw new UsageError(`lazuli ${name} takes no --${key}`);
  const numbers = Object.fromEntries(
    Object.entries(command.numbers).map(([key, [otherwise, least]]) => [
      key,
      numberOf(key, values[key as Count], otherwise, least),
    ]),
  );
  const { library, loaded } = await loadStep(file, values.export ?? 'step');
  const { result, text, ok } = await command.run(loaded, values, library, numbers);
  print(values.json === true ? json(result) : text);
  return ok ? 0 : 1;
}
