import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire, isBuiltin } from 'node:module';
import path from 'node:path';

import { build, type BuildOptions, type Plugin } from 'esbuild';

import { kubernetesClient } from './kubernetes-client.ts';
import { readVersion } from './version.ts';

/** What of a bundle loads koffi: the package itself, or our binding, which loads the native half straight away. */
const FFI = /^native:|packages\/syscall\/src\/libc\.ts$/;

/** koffi's JavaScript only searches for its native half; the bundle knows where that lies: beside itself. */
const nativeKoffi: Plugin = {
  name: 'native-koffi',
  setup(builder) {
    builder.onResolve({ filter: /^koffi$/ }, () => ({ path: 'koffi', namespace: 'native' }));
    builder.onLoad({ filter: /.*/, namespace: 'native' }, () => ({
      contents: "module.exports = require('./koffi.node');",
    }));
    builder.onResolve({ filter: /^\.\/koffi\.node$/, namespace: 'native' }, () => ({
      path: './koffi.node',
      external: true,
    }));
  },
};

/** Name of the file that a package becomes. */
const fileOf = (name: string): string => `${name.replaceAll(/\W+/g, '-')}.cjs`;

const OWN_FILE = 'own-file';

/**
 * A package that is imported only when it is needed becomes a file of its own, so that a program that never needs it has neither its
 * text nor its bytecode in memory. `found` takes the entry of each by its file.
 */
const ownFiles = (found: Map<string, string>): Plugin => ({
  name: 'own-files',
  setup(builder) {
    builder.onResolve({ filter: /^[^.]/ }, async ({ path: name, kind, resolveDir }) => {
      if (kind !== 'dynamic-import' || isBuiltin(name)) return undefined;
      // As `import` statements are resolved, which this plugin leaves alone.
      const entry = await builder.resolve(name, { resolveDir, kind: 'import-statement' });
      if (entry.errors.length > 0) return { errors: entry.errors };
      found.set(fileOf(name), entry.path);
      return { path: `./${fileOf(name)}`, namespace: OWN_FILE };
    });
    builder.onResolve({ filter: /.*/, namespace: OWN_FILE }, ({ path: file }) => ({
      path: file,
      external: true,
    }));
    builder.onLoad({ filter: /.*/, namespace: OWN_FILE }, ({ path: file }) => ({
      contents: `export * from '${file}';export { default } from '${file}';`,
    }));
  },
});

/**
 * Tells the bundle where it lies. Bun's bytecode step would otherwise freeze `__dirname` to the folder of the build, so that neither
 * the native file were found nor two builds alike.
 */
const WHERE = `const __bundleFile=process.argv[1];const __bundleFolder=require('node:path').dirname(__bundleFile);const __bundleUrl=require('node:url').pathToFileURL(__bundleFile).href;`;

/** The host's native half of koffi, so that a bundle also runs where it was made (tests). */
function hostKoffi(): string {
  const name = `@koromix/koffi-linux-${process.arch}/package.json`;
  const home = path.dirname(createRequire(import.meta.url).resolve(name));
  return path.join(home, `linux_${process.arch}/koffi.node`);
}

/** What an earlier build left would become part of the image. */
async function removeStale(folder: string, files: readonly string[]): Promise<void> {
  const bundles = (await readdir(folder)).filter((file) => file.endsWith('.cjs'));
  const stale = bundles.filter((file) => !files.includes(file));
  await Promise.all(stale.map((file) => rm(path.join(folder, file))));
}

/** Agents that run from the file keep what they have. */
async function replace(file: string, content: Uint8Array): Promise<void> {
  const scratch = `${file}.${process.pid}.tmp`;
  await writeFile(scratch, content);
  await rename(scratch, file);
}

const OPTIONS = {
  bundle: true,
  write: false,
  platform: 'node',
  format: 'cjs',
  target: 'node22',
  // One CommonJS file gets another by `require`, under both runtimes alike.
  supported: { 'dynamic-import': false },
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  define: {
    'import.meta.url': '__bundleUrl',
    'import.meta.dirname': '__bundleFolder',
    __dirname: '__bundleFolder',
    __filename: '__bundleFile',
  },
  banner: { js: WHERE },
  metafile: true,
  logLevel: 'error',
} as const satisfies BuildOptions;

/**
 * Bundles `<dir>/src/main.ts` into `out`, `<dir>/dist` by default: `agent.cjs`, and beside it a file for each package that it imports only
 * on demand. All of it is CommonJS that runs under Node and Bun. esbuild does the bundling for both, because Bun's own bundler would swap
 * some packages for its built-in ones. Answers the path of `agent.cjs`.
 */
export async function bundleAgent(dir: string, out = path.join(dir, 'dist')): Promise<string> {
  await mkdir(out, { recursive: true });
  const define = { ...OPTIONS.define, KIOS_VERSION: JSON.stringify(await readVersion()) };
  const onDemand = new Map<string, string>();
  const inputs: string[] = [];
  const bundle = async (file: string, entry: string): Promise<void> => {
    const { metafile, outputFiles } = await build({
      ...OPTIONS,
      define,
      entryPoints: [entry],
      outfile: path.join(out, file),
      plugins: [nativeKoffi, kubernetesClient, ownFiles(onDemand)],
    });
    inputs.push(...Object.keys(metafile.inputs));
    await Promise.all(outputFiles.map(({ path: output, contents }) => replace(output, contents)));
  };
  const main = 'agent.cjs';
  await bundle(main, path.join(dir, 'src/main.ts'));
  // One that is found on the way comes last, and has its turn too.
  for (const [file, entry] of onDemand) await bundle(file, entry);
  await removeStale(out, [main, ...onDemand.keys()]);
  if (inputs.some((input) => FFI.test(input)))
    await replace(path.join(out, 'koffi.node'), await readFile(hostKoffi()));
  return path.join(out, main);
}
