/** Tables as text. */
import { DataError, OptionError, UnsupportedError } from '../core/errors.js';
import { checkFlag, checkOptions, describeValue } from '../core/options.js';

/** What is used of the npm package `papaparse`. */
export interface CsvParser {
  /** Rows of cells, and what is wrong with them. */
  parse(
    text: string,
    config: { delimiter: string; skipEmptyLines: true },
  ): {
    readonly data: unknown[];
    readonly errors: readonly { type: string; row?: number | undefined; message: string }[];
  };
}

/** How a table is read. */
export interface CsvOptions {
  /** Between two cells: guessed unless given. */
  readonly delimiter?: string;
  /** Whether the first row has the names of the columns; true unless given. Without it they are `column0`, `column1`, … */
  readonly header?: boolean;
  /** What stands for a cell without a number, NaN for instance; such a cell is an error unless given. */
  readonly missing?: number;
  /** Papa Parse: `import Papa from 'papaparse'`. A page passes it; Node finds the package unless it is given. */
  readonly parser?: CsvParser;
}
/** A column: numbers if all its cells are, else texts. */
export type CsvColumn = Float64Array | string[];

interface NodeModules {
  createRequire(from: string): (name: string) => unknown;
}

/**
 * The package where Node finds it, without a wait: `readCsv` is synchronous. Named by a variable, so that no bundler asks for it.
 * @throws UnsupportedError `NO_CSV_PARSER`
 */
function installedParser(): CsvParser {
  const name = 'papaparse';
  const { process } = globalThis as {
    process?: { cwd(): string; getBuiltinModule?: (name: string) => NodeModules };
  };
  const modules = process?.getBuiltinModule?.('node:module');
  let cause: unknown;
  // A bundle has no URL in every format: then from where the program runs.
  for (const from of modules === undefined ? [] : [import.meta.url, `${process!.cwd()}/`])
    try {
      return modules!.createRequire(from)(name) as CsvParser;
    } catch (error) {
      cause = error;
    }
  throw new UnsupportedError(
    'NO_CSV_PARSER',
    `readCsv needs the npm package ${name}, and found none`,
    `npm install ${name}; in a page pass it: import Papa from '${name}', then readCsv(text, { parser: Papa }).`,
    { cause },
  );
}

/** What a parser gave, if it is rows of texts and a list of errors. @throws OptionError `OPTION_RANGE` */
function checkParsed(parsed: unknown): { rows: string[][]; errors: ReturnType<CsvParser['parse']>['errors'] } {
  const { data, errors } = (parsed ?? {}) as { data?: unknown; errors?: unknown };
  const isText = (cell: unknown): boolean => typeof cell === 'string';
  const isRow = (row: unknown): row is string[] => Array.isArray(row) && row.every(isText);
  const isTable = (rows: unknown): rows is string[][] => Array.isArray(rows) && rows.every(isRow);
  const isError = (each: unknown): boolean => typeof each === 'object' && each !== null;
  if (isTable(data) && Array.isArray(errors) && errors.every(isError)) return { rows: data, errors };
  throw new OptionError(
    'OPTION_RANGE',
    `readCsv got a parser whose parse gives ${describeValue(parsed)}, without rows of texts as data or a list of errors`,
    "Pass what import Papa from 'papaparse' gives.",
  );
}

const NOTHING = /^(na|n\/a|nan|null)?$/i;

/**
 * The columns of a table in CSV by their names: an f64 array where all cells are numbers, else an array of texts. A cell
 * is missing where it is empty, `NA`, `NaN` or `null`: that is an error, which names it, unless `missing` says what stands there in a
 * column of numbers. Quoting as in RFC 4180; the parser is Papa Parse, a
 * package that you install (`npm install papaparse`) and in a page pass: `readCsv(text, { parser: Papa })`.
 * @example readCsv('x,name\n1,a\n2.5,b'); // { x: Float64Array [1, 2.5], name: ['a', 'b'] }
 * @throws DataError `CSV_MISSING` for a missing cell, `CSV_ROW` for a row of another length, `CSV_HEADER` for names that repeat,
 * `CSV_FORMAT` for quotes that do not close, `EMPTY_DATA` for no rows; UnsupportedError `NO_CSV_PARSER` without the package;
 * OptionError
 */
export function readCsv(text: string, options: CsvOptions = {}): Record<string, CsvColumn> {
  checkOptions('readCsv', options, ['delimiter', 'header', 'missing', 'parser']);
  const { delimiter = '', header = true, missing, parser = installedParser() } = options;
  if (typeof text !== 'string')
    throw new OptionError('OPTION_RANGE', `readCsv got ${describeValue(text)}`, 'Pass the text of the file.');
  checkFlag('readCsv', 'header', header);
  // Papa Parse would take a comma instead.
  if (
    typeof delimiter !== 'string' ||
    /[\r\n"\ufeff]/.test(delimiter) ||
    (missing !== undefined && typeof missing !== 'number')
  ) {
    const [option, given, kind] =
      missing !== undefined && typeof missing !== 'number'
        ? ['missing', missing, 'a number']
        : ['delimiter', delimiter, 'a text without quotes and ends of lines'];
    throw new OptionError('OPTION_RANGE', `readCsv got ${option} = ${describeValue(given)}`, `${option} is ${kind}.`);
  }
  if (typeof (parser as Partial<CsvParser> | null)?.parse !== 'function')
    throw new OptionError(
      'OPTION_RANGE',
      `readCsv got parser = ${describeValue(parser)}`,
      "Pass what import Papa from 'papaparse' gives.",
    );
  const { rows, errors } = checkParsed(parser.parse(text, { delimiter, skipEmptyLines: true }));
  const broken = errors.find(({ type }) => type === 'Quotes');
  if (broken !== undefined)
    throw new DataError(
      'CSV_FORMAT',
      `readCsv found in row ${(broken.row ?? 0) + 1}: ${broken.message}`,
      'A cell with quotes begins and ends with one, and doubles those inside.',
    );
  const first = rows[0] ?? [];
  const names = header ? first.map((name) => name.trim()) : first.map((_, i) => `column${i}`);
  const body = header ? rows.slice(1) : rows;
  const twice = names.find((name, i) => name === '' || names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new DataError(
      'CSV_HEADER',
      `readCsv found ${twice === '' ? 'a column without a name' : `two columns ${JSON.stringify(twice)}`}`,
      'Name each column once in the first row, or pass { header: false }.',
    );
  if (body.length === 0)
    throw new DataError('EMPTY_DATA', 'readCsv found no rows', 'Check the file; a first row of names is no data.');
  /** The row as an editor numbers it, without the empty ones. */
  const numbered = (row: number): number => row + (header ? 2 : 1);
  body.forEach((row, i) => {
    if (row.length !== names.length)
      throw new DataError(
        'CSV_ROW',
        `readCsv found ${row.length} cells in row ${numbered(i)}, and ${names.length} columns`,
        'Every row has a cell for each column; quote a cell that holds the delimiter.',
      );
  });
  return Object.fromEntries(
    names.map((name, at) => [
      name,
      column(
        name,
        body.map((row) => row[at]!),
        numbered,
        missing,
      ),
    ]),
  );
}

function column(
  name: string,
  cells: readonly string[],
  numbered: (row: number) => number,
  missing: number | undefined,
): CsvColumn {
  const trimmed = cells.map((cell) => cell.trim());
  const isText = trimmed.some((cell) => !NOTHING.test(cell) && Number.isNaN(Number(cell)));
  // Among texts NA may be one: the code of Namibia.
  const gap = trimmed.findIndex((cell) => (isText ? cell === '' : NOTHING.test(cell)));
  if (gap >= 0 && missing === undefined)
    throw new DataError(
      'CSV_MISSING',
      `readCsv found no value for ${JSON.stringify(name)} in row ${numbered(gap)}${cells[gap] === '' ? '' : `, but ${JSON.stringify(cells[gap])}`}`,
      'Fill the cell or leave out the row; { missing: NaN } puts a number there, and leaves texts empty.',
    );
  if (isText) return [...cells];
  return Float64Array.from(trimmed, (cell) => (NOTHING.test(cell) ? missing! : Number(cell)));
}
