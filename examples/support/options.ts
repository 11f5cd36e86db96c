/** The command line of an example: a mistake in it is one line and the usage, and exit status 2; `--help` is the usage. */
import { parseArgs } from 'node:util';

interface Option {
  /** A number takes numbers, whole ones if it is one; undefined is text that may be left out. */
  readonly otherwise: number | string | undefined;
  readonly about: string;
  /** Of a number; 1 of whole ones unless given, 0 of others. */
  readonly least?: number;
  /** What the text may be, or the parts of a list by commas. */
  readonly oneOf?: readonly string[];
  readonly listOf?: readonly string[];
}

type Values<O> = {
  -readonly [K in keyof O]: O[K] extends { readonly otherwise: number } ? number : TextOf<O[K]>;
};
/** A string, or undefined where nothing stands for it; one of `oneOf`, where that is there. */
type TextOf<O> =
  | (O extends { readonly oneOf: readonly (infer Name)[] } ? Name : string)
  | (O extends { readonly otherwise: undefined } ? undefined : never);

const anyOf = (names: readonly string[]): string =>
  [names.slice(0, -1).join(', '), ...names.slice(-1)].filter((part) => part !== '').join(' or ');

/** What the command line says of `options`; `about` is the first line of the usage, `command` the second. */
export function readOptions<const O extends Readonly<Record<string, Option>>>(
  about: string,
  command: string,
  options: O,
): Values<O> {
  try {
    const { values } = parseArgs({
      args: process.argv.slice(2).filter((each) => each !== '--'),
      options: {
        ...Object.fromEntries(Object.keys(options).map((name) => [name, { type: 'string' as const }])),
        help: { type: 'boolean' },
      },
    });
    if (values.help !== true) {
      const given = values as Readonly<Record<string, string | undefined>>;
      return Object.fromEntries(
        Object.entries(options).map(([name, option]) => [name, valueOf(name, option, given[name])]),
      ) as Values<O>;
    }
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${usageOf(about, command, options)}`);
    process.exit(2);
  }
  process.stdout.write(usageOf(about, command, options));
  process.exit(0);
}

function valueOf(name: string, { otherwise, oneOf, listOf, ...option }: Option, text: string | undefined) {
  if (text === undefined) return otherwise;
  const refuse = (kind: string): never => {
    throw new Error(`--${name} takes ${kind}, not ${JSON.stringify(text)}`);
  };
  const parts = listOf === undefined ? [text] : text.split(',');
  const known = oneOf ?? listOf;
  if (known !== undefined && !parts.every((part) => known.includes(part))) refuse(anyOf(known));
  if (typeof otherwise !== 'number') return text;
  const whole = Number.isInteger(otherwise);
  const { least = whole ? 1 : 0 } = option;
  const value = Number(text);
  if (text.trim() === '' || !(value >= least) || !(whole ? Number.isSafeInteger(value) : Number.isFinite(value)))
    refuse(`${whole ? 'an integer' : 'a number'} of at least ${least}`);
  return value;
}

function usageOf(about: string, command: string, options: Readonly<Record<string, Option>>): string {
  const rows = Object.entries(options).map(([name, { otherwise, about: meaning, oneOf }]) => [
    `--${name} ${typeof otherwise === 'number' ? 'N' : 'TEXT'}`,
    [
      meaning,
      ...(oneOf === undefined ? [] : [`: ${anyOf(oneOf)}`]),
      ...(otherwise === undefined ? [] : [` (default ${otherwise})`]),
    ].join(''),
  ]);
  rows.push(['--help', 'this text']);
  const width = Math.max(...rows.map(([flag]) => flag!.length));
  const lines = rows.map(([flag, meaning]) => `  ${flag!.padEnd(width)}   ${meaning}\n`);
  return `${about}\n\n  ${command} [options]\n\n${lines.join('')}`;
}
