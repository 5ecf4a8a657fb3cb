import path from 'node:path';

import type { Metafile, Plugin } from 'esbuild';

/** The bundle's program, and the file beside it with the agent's own modules that it imports on demand. */
export const MAIN = 'agent.cjs';
export const LATER = 'later.cjs';

const ON_DEMAND = 'on-demand';
const SHARED = 'shared';
const INSIDE_PACKAGE = /\/node_modules\//;

/** The agent's own modules that are imported on demand, each with the name of its exports in `later.cjs`. */
export class Later {
  readonly #names = new Map<string, string>();

  get size(): number {
    return this.#names.size;
  }

  /** The text of the module that `later.cjs` is made of. */
  get entry(): string {
    const lines = [...this.#names].map(
      ([file, name]) => `export * as ${name} from ${JSON.stringify(file)};`,
    );
    return lines.join('\n');
  }

  /** Finds these modules, and has them loaded from `later.cjs`. */
  get plugin(): Plugin {
    return {
      name: 'later',
      setup: (builder) => {
        builder.onResolve(
          { filter: /^\.{1,2}\// },
          ({ path: name, kind, importer, resolveDir }) => {
            if (kind !== 'dynamic-import' || INSIDE_PACKAGE.test(importer)) return undefined;
            return { path: this.#nameOf(path.resolve(resolveDir, name)), namespace: ON_DEMAND };
          },
        );
        builder.onResolve({ filter: /.*/, namespace: ON_DEMAND }, ({ path: file }) => ({
          path: file,
          external: true,
        }));
        builder.onLoad({ filter: /.*/, namespace: ON_DEMAND }, ({ path: name }) => ({
          contents: `module.exports = require('./${LATER}').${name};`,
        }));
      },
    };
  }

  #nameOf(file: string): string {
    const name = this.#names.get(file) ?? `m${this.#names.size}`;
    this.#names.set(file, name);
    return name;
  }
}

/**
 * The parts of modules in `agent.cjs` that `later.cjs` uses. There is one of each in a program: a module may hold
 * state, and errors are told apart by their class. A package from npm has neither for us, and may be there twice.
 */
export class Shared {
  readonly #files: ReadonlySet<string>;
  /** By file and the name in it, the name as an export of `agent.cjs`. */
  readonly #names = new Map<string, Map<string, string>>();
  #count = 0;

  /** `metafile` is that of `agent.cjs`, built in the folder `dir`. */
  constructor(metafile: Metafile, dir: string) {
    const inputs = Object.values(metafile.outputs).flatMap((output) =>
      Object.entries(output.inputs),
    );
    const own = inputs
      .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
      .map(([file]) => path.resolve(dir, file))
      .filter((file) => !INSIDE_PACKAGE.test(file));
    this.#files = new Set(own);
  }

  get size(): number {
    return this.#files.size;
  }

  /** The text of a module that exports the parts. */
  get exports(): string {
    const lines = [...this.#names].map(([file, names]) => {
      const list = [...names].map(([name, alias]) => `${name} as ${alias}`);
      return `export { ${list.join(', ')} } from ${JSON.stringify(file)};`;
    });
    return lines.join('\n');
  }

  /** Notes the parts in use. `text` is `later.cjs` as a module whose imports of shared files were left as they are. */
  find(text: string): void {
    for (const [, list = '', file = ''] of text.matchAll(
      /^import \{([^}]*)\} from "(\/[^"]+)";$/gm,
    )) {
      const names = this.#names.get(file) ?? new Map<string, string>();
      this.#names.set(file, names);
      for (const part of list.split(',')) {
        const [name = ''] = part.trim().split(' as ');
        if (!names.has(name)) names.set(name, `s${this.#count++}`);
      }
    }
    if (/^import \* as .* from "\//m.test(text))
      throw new Error(`${LATER} imports a module of ${MAIN} as a whole: name what it uses`);
  }

  /** Leaves imports of shared files as they are, for `find`. */
  get finder(): Plugin {
    return this.#plugin((file) => ({ path: file, external: true }));
  }

  /** Has shared parts taken from `agent.cjs`. */
  get linker(): Plugin {
    return this.#plugin((file) => ({ path: file, namespace: SHARED }));
  }

  #plugin(
    resolved: (file: string) => { path: string; external?: boolean; namespace?: string },
  ): Plugin {
    return {
      name: 'shared',
      setup: (builder) => {
        builder.onResolve({ filter: /.*/, namespace: SHARED }, ({ path: file }) => ({
          path: file,
          external: true,
        }));
        builder.onResolve({ filter: /.*/ }, async (args) => {
          const { path: name, kind, resolveDir, importer } = args;
          if (kind !== 'import-statement' || args.pluginData === SHARED) return undefined;
          const found = await builder.resolve(name, {
            kind,
            resolveDir,
            importer,
            pluginData: SHARED,
          });
          return found.namespace === 'file' && this.#files.has(found.path)
            ? resolved(found.path)
            : undefined;
        });
        builder.onLoad({ filter: /.*/, namespace: SHARED }, ({ path: file }) => {
          const names = [...(this.#names.get(file) ?? [])];
          const list = names.map(([name, alias]) => `${alias} as ${name}`);
          return { contents: `export { ${list.join(', ')} } from './${MAIN}';` };
        });
      },
    };
  }
}
