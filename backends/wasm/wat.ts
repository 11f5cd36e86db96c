/**
 * A module as WebAssembly text: the same instruction list that the encoder writes, one instruction a line.
 * `wabt` reads this text back to the same bytes (a test holds it).
 */
import type { FunctionBody, FunctionReference } from './body.js';
import type { Instruction } from './instruction.js';
import type { Signature } from './types.js';
import type { ModuleBuilder } from './encoder.js';

/** WAT's identifier characters without those that people find hard to read; the rest becomes `_`. */
const identifier = (name: string): string => name.replaceAll(/[^A-Za-z0-9_.-]/g, '_');

/** Makes names unique within one space by appending the index to later ones. */
function uniqueNames(names: readonly string[], prefix: string): string[] {
  const taken = new Set<string>();
  return names.map((name, index) => {
    const base = identifier(name) || `${prefix}${index}`;
    const unique = taken.has(base) ? `${base}.${index}` : base;
    taken.add(unique);
    return `$${unique}`;
  });
}

/** The shortest decimal that reads back as `value`; WAT spells infinities and NaN its own way. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  return Object.is(value, -0) ? '-0' : String(value);
}

function signatureText({ parameters, results }: Signature): string {
  const part = (word: string, types: readonly string[]): string =>
    types.length > 0 ? ` (${word} ${types.join(' ')})` : '';
  return part('param', parameters) + part('result', results);
}

/** The names of a module's functions and globals, by index. */
interface Names {
  readonly functions: readonly string[];
  readonly globals: readonly string[];
}

function namesOf(module: ModuleBuilder): Names {
  const references: FunctionReference[] = [
    ...module.functionImports.map((each) => each.reference),
    ...module.functions.map((body) => body.reference),
  ];
  const names = references.map((reference) => reference.name);
  return {
    functions: uniqueNames(names, 'f'),
    globals: uniqueNames(
      module.globals.map((global) => global.name),
      'g',
    ),
  };
}

/** The texts of functions of a module, without the module around them; each is printed once. */
export function functionPrinter(module: ModuleBuilder): (bodies: Iterable<FunctionBody>) => string {
  const names = namesOf(module);
  const texts = new Map<FunctionBody, string>();
  const textOf = (body: FunctionBody): string => {
    const text = texts.get(body) ?? printFunction(body, module, names).join('\n');
    texts.set(body, text);
    return text;
  };
  return (bodies) => Array.from(bodies, textOf).join('\n');
}

/** The text of the whole module. */
export function printModule(module: ModuleBuilder): string {
  const names = namesOf(module);
  const lines = ['(module'];
  module.types.forEach((type, index) => lines.push(`  (type $t${index} (func${signatureText(type)}))`));
  for (const { module: from, field, reference } of module.functionImports) {
    lines.push(
      `  (import ${JSON.stringify(from)} ${JSON.stringify(field)} (func ${names.functions[reference.index]} (type $t${module.typeIndex(reference)})))`,
    );
  }
  if (module.memory) {
    const { module: from, field, minimum, maximum, shared } = module.memory;
    lines.push(
      `  (import ${JSON.stringify(from)} ${JSON.stringify(field)} (memory ${minimum} ${maximum}${shared ? ' shared' : ''}))`,
    );
  }
  module.globals.forEach(({ initial }, index) => {
    lines.push(`  (global ${names.globals[index]} (mut i32) (i32.const ${initial}))`);
  });
  for (const body of module.functions) lines.push(...printFunction(body, module, names));
  for (const { name, reference } of module.exports)
    lines.push(`  (export ${JSON.stringify(name)} (func ${names.functions[reference.index]}))`);
  lines.push(')', '');
  return lines.join('\n');
}

function printFunction(body: FunctionBody, module: ModuleBuilder, names: Names): string[] {
  const localNames = uniqueNames(
    body.locals.map((local) => local.name),
    'v',
  );
  const declare = (word: string, from: number, to: number): string[] =>
    body.locals.slice(from, to).map((local) => ` (${word} ${localNames[local.index]} ${local.type})`);
  const { reference } = body;
  const head = `  (func ${names.functions[reference.index]} (type $t${module.typeIndex(reference)})${declare('param', 0, body.parameterCount).join('')}`;
  const results = reference.results.length > 0 ? ` (result ${reference.results.join(' ')})` : '';
  const lines = [
    head + results,
    ...declare('local', body.parameterCount, body.locals.length).map((text) => `   ${text}`),
  ];
  let depth = 0;
  for (const instruction of body.instructions) {
    const { name } = instruction.op;
    if (name === 'end' || name === 'else') depth--;
    lines.push('    ' + '  '.repeat(depth) + printInstruction(instruction, localNames, names, depth));
    if (name === 'else' || instruction.op.immediate === 'block') depth++;
  }
  lines.push('  )');
  return lines;
}

/** A vector constant as four hexadecimal words. */
const vectorText = (bytes: readonly number[]): string =>
  Array.from(new Uint32Array(Uint8Array.from(bytes).buffer), (word) => `0x${word.toString(16).padStart(8, '0')}`).join(
    ' ',
  );

/** Blocks are named after their nesting level: `$0` is the outermost. */
function printInstruction(
  { op, value, offset, alignment, data, type }: Instruction,
  localNames: readonly string[],
  names: Names,
  level: number,
): string {
  const label = (depth: number): string => `$${level - 1 - depth}`;
  const memory = `${offset > 0 ? ` offset=${offset}` : ''}${alignment === op.alignment ? '' : ` align=${2 ** alignment}`}`;
  switch (op.immediate) {
    case 'none':
      return op.name;
    case 'block':
      return `${op.name} $${level}${type === undefined ? '' : ` (result ${type})`}`;
    case 'label':
      return `${op.name} ${label(Number(value))}`;
    case 'labels':
      return `${op.name} ${data!.map(label).join(' ')}`;
    case 'function':
      return `${op.name} ${names.functions[Number(value)]}`;
    case 'local':
      return `${op.name} ${localNames[Number(value)]}`;
    case 'global':
      return `${op.name} ${names.globals[Number(value)]}`;
    case 'i32':
    case 'i64':
    case 'lane':
      return `${op.name} ${value}`;
    case 'f32':
    case 'f64':
      return `${op.name} ${floatText(Number(value))}`;
    case 'bytes':
      return `${op.name} i32x4 ${vectorText(data!)}`;
    case 'shuffle':
      return `${op.name} ${data!.join(' ')}`;
    case 'memory':
      return op.name + memory;
    case 'memoryLane':
      return `${op.name}${memory} ${value}`;
    default:
      return op.immediate satisfies never;
  }
}
