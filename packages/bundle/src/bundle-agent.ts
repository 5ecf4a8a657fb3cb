import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire, isBuiltin } from 'node:module';
import path from 'node:path';

import { build, type BuildOptions, type Metafile, type Plugin } from 'esbuild';

import { kubernetesClient } from './kubernetes-client.ts';
import { LATER, Later, MAIN, Shared } from './later.ts';
import { loggerParts } from './logger-parts.ts';
import { readVersion } from './version.ts';

/** The inputs that load koffi's native half: the package itself, and our binding, which loads it directly. */
const FFI = /^native:|packages\/syscall\/src\/libc\.ts$/;

/** Replaces koffi's JavaScript, which only searches for the native half: a bundle has it beside itself. */
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

/** Returns the name of the file that a package becomes. Bun takes one that begins with a dash for an option. */
const fileOf = (name: string): string => `${name.replaceAll(/\W+/g, '-').replace(/^-/, '')}.cjs`;

const OWN_FILE = 'own-file';

/**
 * Puts each package that is imported on demand into a file of its own, so that a program that never needs it has
 * neither its text nor its bytecode in memory. `found` receives the package's entry by the name of that file.
 */
const ownFiles = (found: Map<string, string>): Plugin => ({
  name: 'own-files',
  setup(builder) {
    builder.onResolve({ filter: /^[^.]/ }, async ({ path: name, kind, resolveDir }) => {
      if (kind !== 'dynamic-import' || isBuiltin(name)) return undefined;
      // This plugin leaves `import` statements alone, so this does not recurse.
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

/** Lets the file of one package load that of another, instead of having a copy of it. */
const sharedFiles = (found: ReadonlyMap<string, string>, self: string): Plugin => ({
  name: 'shared-files',
  setup(builder) {
    builder.onResolve({ filter: /^[^./]/ }, ({ path: name, kind }) => {
      const file = fileOf(name);
      const isShared = kind === 'import-statement' && file !== self && found.has(file);
      return isShared ? { path: `./${file}`, external: true } : undefined;
    });
  },
});

/**
 * Lets a bundle find its own folder. Bun's bytecode step would otherwise set `__dirname` to the folder of the build:
 * the native file would not be found, and no two builds would be equal.
 */
const WHERE = `const __bundleFile=process.argv[1];const __bundleFolder=require('node:path').dirname(__bundleFile);const __bundleUrl=require('node:url').pathToFileURL(__bundleFile).href;`;

/** Returns this machine's native half of koffi, so that tests can run a bundle where it was made. */
function nativeHalf(): string {
  const name = `@koromix/koffi-linux-${process.arch}/package.json`;
  const home = path.dirname(createRequire(import.meta.url).resolve(name));
  return path.join(home, `linux_${process.arch}/koffi.node`);
}

/** Removes the files of an earlier build, which would become part of the image. */
async function removeStale(folder: string, files: readonly string[]): Promise<void> {
  const bundles = (await readdir(folder)).filter((file) => file.endsWith('.cjs'));
  const stale = bundles.filter((file) => !files.includes(file));
  await Promise.all(stale.map((file) => rm(path.join(folder, file))));
}

/** Replaces a file without changing the copy that running agents hold open. */
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
  // Turns `import()` into `require`, with which both runtimes load CommonJS files.
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

type Input = Pick<BuildOptions, 'entryPoints' | 'stdin' | 'format' | 'minifyWhitespace'>;

interface Built {
  readonly metafile: Metafile;
  readonly content: Uint8Array;
}

/** Makes the files of one agent. */
class Bundler {
  readonly #dir: string;
  readonly #define: Readonly<Record<string, string>>;
  /** The entry of each package that is imported on demand, by the name of its file. */
  readonly #packages = new Map<string, string>();
  readonly #later = new Later();
  readonly #inputs = new Set<string>();

  constructor(dir: string, version: string) {
    this.#dir = dir;
    this.#define = { ...OPTIONS.define, KIOS_VERSION: JSON.stringify(version) };
  }

  /** Whether one of the files loads koffi's native half. */
  get usesFfi(): boolean {
    return [...this.#inputs].some((input) => FFI.test(input));
  }

  /** Returns the content of each file. */
  async bundle(): Promise<Map<string, Uint8Array>> {
    const files = await this.#bundleOwn();
    // The map may grow during the loop, which then visits the new entries too.
    for (const [file, entry] of this.#packages) {
      const { content } = await this.#build({ entryPoints: [entry] }, [
        sharedFiles(this.#packages, file),
      ]);
      files.set(file, content);
    }
    return files;
  }

  /** Bundles the agent's own modules: those that every run needs, and the others. */
  async #bundleOwn(): Promise<Map<string, Uint8Array>> {
    const program = `import ${JSON.stringify(path.join(this.#dir, 'src/main.ts'))};`;
    let main = await this.#build(this.#text(program));
    while (this.#later.size > 0) {
      const shared = new Shared(main.metafile, this.#dir);
      shared.find(await this.#laterText(shared));
      main = await this.#build(this.#text(`${program}\n${shared.exports}`));
      // What is exported may have brought further files with it.
      if (new Shared(main.metafile, this.#dir).size > shared.size) continue;
      const later = await this.#build(this.#text(this.#later.entry), [shared.linker]);
      return new Map([
        [MAIN, main.content],
        [LATER, later.content],
      ]);
    }
    return new Map([[MAIN, main.content]]);
  }

  /** Returns the text of `later.cjs` before it is linked, with all that its own modules import on demand. */
  async #laterText(shared: Shared): Promise<string> {
    for (;;) {
      const { size } = this.#later;
      const input = {
        ...this.#text(this.#later.entry),
        format: 'esm',
        minifyWhitespace: false,
      } as const;
      const { content } = await this.#build(input, [shared.finder]);
      if (this.#later.size === size) return new TextDecoder().decode(content);
    }
  }

  async #build(input: Input, plugins: readonly Plugin[] = []): Promise<Built> {
    const { metafile, outputFiles } = await build({
      ...OPTIONS,
      ...input,
      define: this.#define,
      absWorkingDir: this.#dir,
      plugins: [
        nativeKoffi,
        kubernetesClient,
        loggerParts,
        ...plugins,
        this.#later.plugin,
        ownFiles(this.#packages),
      ],
    });
    for (const file of Object.keys(metafile.inputs)) this.#inputs.add(file);
    return { metafile, content: outputFiles[0]?.contents ?? new Uint8Array() };
  }

  #text(contents: string): Pick<BuildOptions, 'stdin'> {
    return { stdin: { contents, resolveDir: this.#dir } };
  }
}

/**
 * Bundles `<dir>/src/main.ts` into `out`, by default `<dir>/dist`, and returns the path of the result, `agent.cjs`.
 * Beside it lie `later.cjs`, with the agent's own modules that are imported on demand, and a file for each package that
 * is. All are CommonJS that runs under Node and Bun. esbuild serves Bun too, because Bun's own bundler replaces some
 * packages with its built-in ones.
 */
export async function bundleAgent(dir: string, out = path.join(dir, 'dist')): Promise<string> {
  await mkdir(out, { recursive: true });
  const bundler = new Bundler(dir, await readVersion());
  const files = await bundler.bundle();
  for (const [file, content] of files) await replace(path.join(out, file), content);
  await removeStale(out, [...files.keys()]);
  if (bundler.usesFfi) await replace(path.join(out, 'koffi.node'), await readFile(nativeHalf()));
  return path.join(out, MAIN);
}
