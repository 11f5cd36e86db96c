/** At which element of its memory each thread's result belongs. */
import { BEGIN, type For, type Form, type Statement, type VariableId } from '../../src/lower/loops.js';
import { atIndex, type Counted, counted, type Placed, type Plan } from './slice.js';

/** Of a thread whose result belongs nowhere: its turn is beyond a limit. */
export const NOWHERE = -1;

/** Statements of `body` and of those of `path` inside that set variables, up to the store. */
function settersOf(body: readonly Statement[], path: readonly Statement[]): Statement[] {
  const [next, ...rest] = path;
  const own = body.filter((each) => each.kind === 'coordinate' || each.kind === 'define' || each === next);
  const inner = next?.kind === 'for' ? settersOf(counted(next).body, rest) : [];
  return [...own.slice(0, next === undefined ? undefined : own.indexOf(next) + 1), ...inner];
}

/** A setter with all forms at the thread's index, found out once. */
type Step =
  | Extract<Statement, { kind: 'coordinate' }>
  | { readonly kind: 'define'; readonly variable: VariableId; readonly form: Form }
  | ({ readonly kind: 'for'; readonly variable: VariableId } & Counted);

function stepOf(setter: Statement): Step {
  if (setter.kind === 'coordinate') return setter;
  if (setter.kind === 'define') return { ...setter, form: atIndex(setter.form) };
  const loop = setter as For;
  return { kind: 'for', variable: loop.variable, ...counted(loop) };
}

/** The places of `extent` indices' threads, or undefined where the thread's number is its place. */
export function placesOf(
  body: readonly Statement[],
  { store, path }: Placed,
  plan: Plan,
  extent: number,
): Int32Array | undefined {
  if (plan.kind === 'place') return undefined;
  const steps = settersOf(body, path).map(stepOf);
  const address = atIndex(store.address);
  const values: number[] = [];
  const at = ({ offset, terms }: Form): number => {
    let sum = offset;
    for (let i = 0; i < terms.length; i++) sum += terms[i]!.stride * values[terms[i]!.variable]!;
    return sum;
  };
  const found: number[] = [];
  let isInOrder = true;
  /** Runs the steps from number `i` on. */
  const walk = (i: number): void => {
    const step = steps[i];
    if (step === undefined) {
      const place = at(address);
      isInOrder &&= place === found.length;
      found.push(place);
      return;
    }
    if (step.kind === 'coordinate') {
      // Forms of n are for batches of any size.
      values[step.variable] = Math.trunc(values[step.of]! / (step.divisor as number)) % (step.extent as number);
      return walk(i + 1);
    }
    if (step.kind === 'define') {
      values[step.variable] = at(step.form);
      return walk(i + 1);
    }
    const first = at(step.from);
    for (let turn = 0; turn < step.count; turn++) {
      const value = first + turn * step.step;
      values[step.variable] = value;
      if (step.limit === undefined || value < step.limit) walk(i + 1);
      // A thread of its own has the turn all the same.
      else if (plan.kind === 'element') skip(i + 1);
    }
  };
  const skip = (i: number): void => {
    const turns = steps.slice(i).reduce((n, each) => (each.kind === 'for' ? n * each.count : n), 1);
    for (let turn = 0; turn < turns; turn++) found.push(NOWHERE);
    isInOrder = false;
  };
  for (let index = 0; index < extent; index++) {
    values[BEGIN] = index;
    walk(0);
  }
  return isInOrder ? undefined : Int32Array.from(found);
}
