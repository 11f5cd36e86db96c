/** The marks of a build: a bundler leaves out what nobody uses of a file, and what is used keeps its value. */
import { inspect } from 'node:util';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { markPure } from '../../scripts/pure.js';

const MODULE = `
class Base {}
var table = make(1, [make(2)]), bare = { f: () => make(3), g: 4 };
var spread = [...table], member = table.length, called = table.map((x) => x);
var marked = /* @__PURE__ */ make(5);
var Named = class Named extends Base { static own = make(Named); static plain = 'x'; };
class Late extends Base { static table = [make(6)]; }
function make(...of) { return of; }
export const object = { ...bare }, kept = 'kept';
export { table, spread, member, called, marked, Named, Late };
`;

test('a page that uses one name has nothing of the others', async () => {
  const { outputFiles } = await build({
    entryPoints: ['page'],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    plugins: [
      {
        name: 'page',
        setup({ onResolve, onLoad }) {
          onResolve({ filter: /./ }, ({ path }) => ({ path, namespace: 'page' }));
          onLoad({ filter: /page/ }, () => ({ contents: "export { kept } from 'module'" }));
          onLoad({ filter: /module/ }, () => ({ contents: markPure(MODULE) }));
        },
      },
    ],
  });
  expect(outputFiles[0]!.text).not.toMatch(/make|Base|table/);
});

test('lines and values stay', async () => {
  expect(markPure(MODULE).split('\n')).toHaveLength(MODULE.split('\n').length);
  const load = async (code: string): Promise<string> =>
    inspect(await import(`data:text/javascript,${encodeURIComponent(code)}`), { depth: 9 });
  expect(await load(markPure(MODULE))).toBe(await load(MODULE));
});
