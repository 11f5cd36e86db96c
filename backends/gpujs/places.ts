/** At which element of its memory each thread's result belongs. */
import { BEGIN, type Address, type For, type Statement } from '../../src/lower/loops.js';
import { atIndex, counted, type Placed, type Plan } from './slice.js';

/** Of a thread whose result belongs nowhere: its turn is beyond a limit. */
export const NOWHERE = -1;

/** Statements of `body` and of those of `path` inside that set variables, up to the store. */
function settersOf(body: readonly Statement[], path: readonly Statement[]): Statement[] {
  const [next, ...rest] = path;
  const own = body.filter((each) => each.kind === 'coordinate' || each.kind === 'define' || each === next);
  const inner = next?.kind === 'for' ? settersOf(counted(next).body, rest) : [];
  return [...own.slice(0, next === undefined ? undefined : own.indexOf(next) + 1), ...inner];
}

/** The places of `extent` indices' threads, or undefined where the thread's number is its place. */
export function placesOf(
  body: readonly Statement[],
  { store, path }: Placed,
  plan: Plan,
  extent: number,
): Int32Array | undefined {
  if (plan.kind === 'place') return undefined;
  const setters = settersOf(body, path);
  const values: number[] = [];
  const at = ({ offset, terms }: Address): number =>
    terms.reduce((sum, { variable, stride }) => sum + stride * values[variable]!, offset);
  const found: number[] = [];
  let isInOrder = true;
  /** Runs the setters from number `i` on; `turn` numbers the turns of the open loops. */
  const walk = (i: number): void => {
    const setter = setters[i];
    if (setter === undefined) {
      const place = at(atIndex(store.address));
      isInOrder &&= place === found.length;
      found.push(place);
      return;
    }
    if (setter.kind === 'coordinate') {
      values[setter.variable] = Math.trunc(values[setter.of]! / setter.divisor) % setter.extent;
      return walk(i + 1);
    }
    if (setter.kind === 'define') {
      values[setter.variable] = at(atIndex(setter.form));
      return walk(i + 1);
    }
    const { variable } = setter as For;
    const { from, step, count, limit } = counted(setter as For);
    const first = at(from);
    for (let turn = 0; turn < count; turn++) {
      values[variable] = first + turn * step;
      if (limit === undefined || values[variable] < limit) walk(i + 1);
      // A thread of its own has the turn all the same.
      else if (plan.kind === 'element') skip(i + 1);
    }
  };
  const skip = (i: number): void => {
    const turns = setters.slice(i).reduce((n, each) => (each.kind === 'for' ? n * counted(each).count : n), 1);
    for (let turn = 0; turn < turns; turn++) found.push(NOWHERE);
    isInOrder = false;
  };
  for (let index = 0; index < extent; index++) {
    values[BEGIN] = index;
    walk(0);
  }
  return isInOrder ? undefined : Int32Array.from(found);
}
