/** Loops as text: one statement a line; a value of several elements prints as `f32×4`. */
import { InternalError } from '../core/errors.js';
import { formatSizeForm } from '../core/extent.js';
import { formatNumber } from '../core/graph.js';
import type {
  Access,
  Bound,
  ContractAxis,
  ContractMemory,
  ContractStatement,
  Expression,
  Form,
  LoopFunction,
  Statement,
  TypedElements,
} from './loops.js';

const typeOf = ({ dtype, width }: TypedElements): string => (width === 1 ? dtype : `${dtype}×${width}`);

/** `code` as golden files and reports show it. */
export function printLoops(code: LoopFunction): string {
  const { memories, values, cells } = code;
  const names = code.variables.map((name, i, all) => (all.indexOf(name) === i ? name : `${name}_${i}`));
  const lines: string[] = [];

  const form = ({ offset, terms }: Form): string => {
    const parts = terms.map(({ variable, stride, by }) =>
      [...(stride === 1 ? [] : [stride]), ...(by === undefined ? [] : [names[by]!]), names[variable]!].join('·'),
    );
    if (offset !== 0 || parts.length === 0) parts.push(String(offset));
    return parts.join(' + ');
  };
  const bound = (to: Bound): string => (to.limit === undefined ? form(to) : `min(${form(to)}, ${limit(to.limit)})`);
  const limit = (of: number | Form): string => (typeof of === 'number' ? String(of) : form(of));
  const memory = (id: number): string =>
    `${{ operand: 'b', local: 'm', private: 'm', tile: 't' }[memories[id]!.kind]}${id}`;
  const access = ({ memory: id, address, step, active, guard }: Access, width: number): string => {
    const indirect = address.indirect;
    const at = form(address) + (indirect === undefined ? '' : ` + ${indirect.stride}·v${indirect.value}`);
    const span = width === 1 ? '' : ` step ${step}${active === width ? '' : `, ${active} of ${width}`}`;
    return `${memory(id)}[${at}${span}]${guard === undefined ? '' : ` if v${guard}`}`;
  };
  const expression = (e: Expression, width: number): string => {
    switch (e.kind) {
      case 'constant':
        return formatNumber(e.value);
      case 'index':
        return `index ${form(e.form)}${width === 1 ? '' : ` step ${e.step}`}`;
      case 'load':
        return access(e, width);
      case 'op':
        return `${e.op} ${e.inputs.map((input) => `v${input}`).join(' ')}`;
      case 'splat':
        return `splat v${e.input}`;
      case 'vector':
        return `vector ${e.inputs.map((input) => `v${input}`).join(' ')}`;
      case 'lane':
        return `v${e.input}.${e.lane}`;
      case 'cell':
        return `c${e.cell}`;
    }
  };
  const contract = (statement: ContractStatement, depth: number): void => {
    const { around, rows, columns, reduced, left, right, packed, kept, epilogue } = statement;
    const named = (name: string, axes: readonly ContractAxis[]): string[] =>
      axes.map((_, i) => (axes.length === 1 && name !== 'o' && name !== 'k' ? name : `${name}${i}`));
    const axesOf = (name: string, axes: readonly ContractAxis[]): string[] =>
      axes.map(
        ({ extent, size, left: l, right: r }, i) =>
          `${named(name, axes)[i]!}<${size === undefined ? extent : formatSizeForm(size)} (${l}, ${r})`,
      );
    const over = [
      ...axesOf('o', around),
      ...axesOf('row', rows),
      ...axesOf('column', columns),
      ...axesOf('k', reduced),
    ];
    const at = (place: ContractMemory): string =>
      memory(place.memory) + (place.offset === 0 ? '' : ` + ${place.offset}`);
    const keeps = [kept?.left === true ? ['left'] : [], kept?.right === true ? ['right'] : []].flat().join(' and ');
    const within =
      packed === undefined ? '' : `, packed in ${memory(packed)}${keeps === '' ? '' : `, ${keeps} in the first turn`}`;
    line(depth, `contract ${at(left)} · ${at(right)} over ${over.join(', ')}${within}`);
    for (const [which, { bounds }, name, axes] of [
      ['left', left, 'row', rows],
      ['right', right, 'column', columns],
    ] as const)
      for (const bound of bounds) {
        const terms = [
          ...named('o', around).map((each, i) => [bound.around[i]!, each] as const),
          ...named(name, axes).map((each, i) => [bound.own[i]!, each] as const),
          ...named('k', reduced).map((each, i) => [bound.reduced[i]!, each] as const),
        ].flatMap(([stride, each]) => (stride === 0 ? [] : [stride === 1 ? each : `${stride}·${each}`]));
        if (bound.offset !== 0 || terms.length === 0) terms.push(String(bound.offset));
        line(depth + 1, `${which} where 0 ≤ ${terms.join(' + ')} < ${bound.size}`);
      }
    if (epilogue.kind === 'store') return line(depth + 1, `store ${at(epilogue.output)}`);
    line(depth + 1, `epilogue of ${memory(epilogue.sums)}, pitch ${epilogue.pitch}`);
    block(epilogue.body, depth + 2);
  };
  const line = (depth: number, text: string): void => void lines.push('  '.repeat(depth) + text);
  const block = (body: readonly Statement[], depth: number): void => {
    for (const each of body) statement(each, depth);
  };
  const statement = (s: Statement, depth: number): void => {
    switch (s.kind) {
      case 'let': {
        const type = values[s.value]!;
        return line(depth, `v${s.value}: ${typeOf(type)} = ${expression(s.expression, type.width)}`);
      }
      case 'for':
        s.turns.forEach(({ step, takes, body }, i) => {
          const by = step === 1 ? '' : ` by ${step}${takes === 1 ? '' : ` at least ${takes}`}`;
          const range = i === 0 ? `${form(s.from)}..${bound(s.to)}` : 'the rest';
          line(depth, `for ${names[s.variable]!} in ${range}${by} (${s.role})`);
          block(body, depth + 1);
        });
        return;
      case 'coordinate': {
        const quotient = s.divisor === 1 ? names[s.of]! : `⌊${names[s.of]!} / ${limit(s.divisor)}⌋`;
        return line(depth, `${names[s.variable]!} = ${quotient} mod ${limit(s.extent)}`);
      }
      case 'define':
        return line(depth, `${names[s.variable]!} = ${bound(s.form)}`);
      case 'if':
        line(depth, `if v${s.condition}`);
        return block(s.body, depth + 1);
      case 'reset':
        return line(depth, `c${s.cell}: ${typeOf(cells[s.cell]!)} ← ${formatNumber(s.initial)}`);
      case 'accumulate': {
        const some = s.active === cells[s.cell]!.width ? '' : ` (${s.active} elements)`;
        return line(depth, `c${s.cell} ← ${s.op === undefined ? '' : `${s.op} c${s.cell} `}v${s.value}${some}`);
      }
      case 'store':
        return line(depth, `${access(s, values[s.value]!.width)} ${s.accumulate ? '+=' : '='} v${s.value}`);
      case 'barrier':
        return line(depth, 'barrier');
      case 'contract':
        return contract(s, depth);
      default:
        throw new InternalError(`unknown statement ${String(s satisfies never)}`);
    }
  };

  const parameters = memories.flatMap(({ kind, dtype }, i) => (kind === 'operand' ? [`${memory(i)}: ${dtype}`] : []));
  line(0, `${code.name}(${parameters.join(', ')})`);
  memories.forEach((each, i) => {
    if (each.kind === 'local') line(1, `${memory(i)}: ${typeOf(each)} × ${each.size}`);
    if (each.kind === 'private') line(1, `${memory(i)}: ${each.dtype} × ${each.size}, of each thread`);
  });
  block(code.body, 1);
  return lines.join('\n');
}
