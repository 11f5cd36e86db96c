// `dist/lazuli.min.js`, for pages without a bundler: `lazuli`, `lazuli/data`, `lazuli/train` and `lazuli/webgpu` as one module of
// ES2022 that loads nothing further. The worker threads of `wasm` are in it as text. `npm run build` writes it;
// `examples/cdn/index.html` is a page that uses it.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));
const ENTRY = '\0cdn.ts';
const PARTS = ['src/index.ts', 'src/data/data.ts', 'src/train/train.ts', 'backends/webgpu/webgpu.ts'];

/** The file's text. */
export async function bundleForCdn(): Promise<string> {
  const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { version: string };
  const bundle = await rolldown({
    input: ENTRY,
    platform: 'browser',
    plugins: [
      {
        name: 'parts',
        resolveId: (source) => (source === ENTRY ? ENTRY : undefined),
        load: (id) => (id === ENTRY ? PARTS.map((part) => `export * from '${root}${part}';`).join('\n') : undefined),
      },
    ],
    onLog(level, { message }) {
      if (level === 'warn') throw new Error(`rolldown warns about the file for CDNs: ${message}`);
    },
  });
  const { output } = await bundle.generate({
    format: 'esm',
    minify: true,
    // Chunks would be files that the page has to find.
    codeSplitting: false,
    banner: `/*! lazuli ${version}, Apache-2.0; contains acorn and fflate, MIT */`,
  });
  const [{ code, fileName, imports, dynamicImports }] = output;
  const others = [...imports, ...dynamicImports].filter((name) => name !== fileName);
  if (others.length > 0) throw new Error(`the file for CDNs imports ${others.join(', ')}`);
  return code;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  writeFileSync(`${root}dist/lazuli.min.js`, await bundleForCdn());
