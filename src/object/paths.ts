/** Where in a model the nodes of a graph belong: `call` announces its module while it is traced, reports ask for the path. */
import { currentOrigin } from '../core/expr.js';
import { setPathFinder } from '../runtime/provenance.js';
import { announce } from '../trace/scope.js';
import { Variable } from '../trace/variable.js';
import { isModule, type ModuleNode } from './node.js';
import { knownPath, walkNodes, walkVars } from './walk.js';

type Method = (this: ModuleNode, ...args: unknown[]) => unknown;
const announcing = new WeakSet<object>();

/** Sees each call of a module, which it makes itself. */
type Observer = (module: ModuleNode, body: () => unknown) => unknown;
let observer: Observer = (_, body) => body();
/** Runs `body` with `next` as the observer of calls. */
export function observing<T>(next: Observer, body: () => T): T {
  const former = observer;
  observer = next;
  try {
    return body();
  } finally {
    observer = former;
  }
}

/** Makes the methods `call` of a module's classes announce it, once a class. */
export function announceCalls(module: ModuleNode): void {
  for (let at = Object.getPrototypeOf(module) as object; isModule(at); at = Object.getPrototypeOf(at) as object) {
    const property = Object.getOwnPropertyDescriptor(at, 'call');
    if (typeof property?.value !== 'function' || announcing.has(property.value as Method)) continue;
    const value = new Proxy(property.value as Method, {
      apply: (call, self: ModuleNode, args) => {
        const body = (): unknown => Reflect.apply(call, self, args);
        if (!isModule(self)) return body();
        return observer(self, () => announce({ module: self, root: currentOrigin()?.root ?? self }, body));
      },
    });
    announcing.add(value);
    Object.defineProperty(at, 'call', { ...property, value });
  }
}

/** The path without the attribute at its end. */
const holder = (path: string | undefined): string | undefined => path?.replace(/\.?[^.]*$/, '');

setPathFinder((roots) => {
  const paths = new Map<unknown, string | undefined>();
  const enter = (thing: unknown, path: string | undefined): unknown => paths.has(thing) || paths.set(thing, path);
  for (const root of roots as readonly ModuleNode[]) {
    for (const [path, node] of walkNodes(root, { method: 'path' })) enter(node, path);
    for (const [variable, path] of walkVars(root, { method: 'path' }).paths!) enter(variable, holder(path));
  }
  return (thing) => paths.get(thing) ?? (thing instanceof Variable ? holder(knownPath(thing)) : undefined);
});
