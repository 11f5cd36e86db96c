/**
 * Names of modules: one living object a name, numbered by class where none is given (`Adadelta0`, `Adadelta1`, …).
 *
 * The registry holds its objects weakly. A finalizer gives a name free; since none runs within one synchronous job, a name
 * that is asked for again also looks whether its holder is gone.
 */
import { OptionError } from '../core/errors.js';
import { describeValue } from '../core/options.js';

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u;

const holders = new Map<string, WeakRef<object>>();
const counters = new Map<string, number>();
const collected = new FinalizationRegistry<string>((name) => {
  // The name may have a new holder by now.
  if (holders.get(name)?.deref() === undefined) holders.delete(name);
});

const isTaken = (name: string, by?: object): boolean => {
  const holder = holders.get(name)?.deref();
  return holder !== undefined && holder !== by;
};

/** The next free name: that of the class `type` and a number. A class may have no name. */
export function nextName(type: string): string {
  const stem = type === '' ? 'Module' : type;
  if (!IDENTIFIER.test(stem))
    throw new OptionError(
      'INVALID_NAME',
      `a name was asked for with the type ${JSON.stringify(type)}`,
      'A type is an identifier, as the name of a class is.',
    );
  for (;;) {
    const count = counters.get(stem) ?? 0;
    counters.set(stem, count + 1);
    if (!isTaken(`${stem}${count}`)) return `${stem}${count}`;
  }
}

/**
 * `name`, if `owner` may have it.
 * @throws OptionError `INVALID_NAME` for what is no identifier, `NAME_TAKEN` for the name of another living object.
 */
export function checkName(name: string, owner: object): string {
  if (typeof name !== 'string' || !IDENTIFIER.test(name))
    throw new OptionError(
      'INVALID_NAME',
      `a ${owner.constructor.name} got the name ${describeValue(name)}`,
      'A name is an identifier: letters, digits and _, not beginning with a digit.',
    );
  if (isTaken(name, owner))
    throw new OptionError(
      'NAME_TAKEN',
      `the name ${name} belongs to a living ${holders.get(name)!.deref()!.constructor.name}`,
      'Choose another name, drop the other object, or call clearNameCache().',
    );
  return name;
}

/** Makes `owner` the holder of `name`, which it gave up `former` for. */
export function holdName(name: string, owner: object, former?: string): void {
  if (former !== undefined && holders.get(former)?.deref() === owner) holders.delete(former);
  holders.set(name, new WeakRef(owner));
  collected.register(owner, name);
}

/**
 * Forgets all names and counts, for hot reload: the next Adadelta is `Adadelta0` again. Living objects keep theirs.
 * @example
 * clearNameCache();
 * new nn.Linear(1, 1).name; // 'Linear0'
 */
export function clearNameCache(): void {
  holders.clear();
  counters.clear();
}
