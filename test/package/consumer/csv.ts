// A table, whose parser is a package that is not there at first.
import { LazuliError } from 'lazuli';
import { readCsv } from 'lazuli/data';

declare const process: { readonly argv: readonly string[] };

try {
  const table = readCsv('x,y\n1,a');
  if ((table['x'] as Float64Array)[0] !== 1) throw new Error(`x is ${String(table['x'])}`);
  if (process.argv[2] === 'without') throw new Error('there is a parser');
} catch (error) {
  const isAbsent = error instanceof LazuliError && error.remedy.startsWith('npm install papaparse');
  if (!isAbsent || process.argv[2] !== 'without') throw error;
}
