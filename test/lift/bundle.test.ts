/** Who pays for the parser: a page that lifts has acorn, any other has none of it. */
import { build as esbuild } from 'esbuild';
import { fileURLToPath } from 'node:url';
import { build as rolldown } from 'rolldown';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const ENTRY = `${ROOT}src/index.ts`;

/** Files of which something is in the bundle, by bundler. */
const BUNDLERS: Readonly<Record<string, (code: string) => Promise<string[]>>> = {
  async esbuild(code) {
    const { metafile } = await esbuild({
      stdin: { contents: code, resolveDir: ROOT, loader: 'ts' },
      bundle: true,
      format: 'esm',
      platform: 'browser',
      metafile: true,
      write: false,
    });
    const [output] = Object.values(metafile.outputs);
    return Object.entries(output!.inputs).flatMap(([file, { bytesInOutput }]) => (bytesInOutput > 0 ? [file] : []));
  },
  async rolldown(code) {
    const { output } = await rolldown({
      cwd: ROOT,
      input: 'page.ts',
      platform: 'browser',
      plugins: [
        {
          name: 'page',
          resolveId: (id) => (id === 'page.ts' ? `${ROOT}page.ts` : undefined),
          load: (id) => (id === `${ROOT}page.ts` ? code : undefined),
        },
      ],
      resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
      write: false,
    });
    return output.flatMap((chunk) =>
      chunk.type === 'chunk'
        ? Object.entries(chunk.modules).flatMap(([file, { renderedLength }]) => (renderedLength > 0 ? [file] : []))
        : [],
    );
  },
};

const isParser = (file: string): boolean => /acorn|trace\/lift\//.test(file);

describe.each(Object.entries(BUNDLERS))('%s', (_, bundle) => {
  test('a page that trains has no parser', async () => {
    const files = await bundle(
      `import { Adadelta, jit, TrainVar, valueAndGrad } from ${JSON.stringify(ENTRY)}; console.log(Adadelta, jit, TrainVar, valueAndGrad);`,
    );
    expect(files.length).toBeGreaterThan(20);
    expect(files.filter(isParser)).toEqual([]);
  });
  test('a page that lifts has it', async () => {
    const files = await bundle(`import { lift } from ${JSON.stringify(ENTRY)}; console.log(lift((x) => x + 1));`);
    expect(files.some((file) => file.includes('acorn'))).toBe(true);
  });
});
