import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

import type { Plugin } from 'esbuild';

const PACKAGE = '@kubernetes/client-node';
/** Matches a generated method without the comment above it. */
const METHOD = /^ {4}(?:async )?(\w+)\([^\n]*\) \{\n[^]*?^ {4}\}\n/gm;
/** Matches a line of the serializer's table of models, its imports or its exports. */
const MODEL_LINE =
  /^(?:(?:export \*|import \{ \w+ \}) from '\.\.\/models\/(\w+)\.js';| {4}"(\w+)": \w+,)\n/gm;
/** Matches the name of a type as the generated code passes it to the serializer. */
const TYPE = /"(?:Array<|\{ \[key: string\]: )?([A-Z]\w+)/g;

const read = (file: string): string => readFileSync(file, 'utf8');

const typesIn = (text: string): readonly string[] =>
  [...text.matchAll(TYPE)].map(([, name]) => name ?? '');

/** The parts of the library that one file of ours uses. Each word in it that names a call or an API counts as use. */
class Used {
  readonly #gen: string;
  readonly #words: ReadonlySet<string>;
  readonly #models = new Set<string>();

  constructor(gen: string, importer: string) {
    this.#gen = gen;
    this.#words = new Set(read(importer).match(/\w+/g));
    for (const api of [...this.#words].filter((word) => word.endsWith('Api')))
      if (existsSync(this.#file('apis', api)))
        this.#addModels(this.methodsOf(read(this.#file('apis', api))));
  }

  #file(folder: 'apis' | 'models', name: string): string {
    return path.join(this.#gen, folder, `${name}.js`);
  }

  #addModels(text: string): void {
    for (const type of typesIn(text)) {
      if (this.#models.has(type) || !existsSync(this.#file('models', type))) continue;
      this.#models.add(type);
      this.#addModels(read(this.#file('models', type)));
    }
  }

  /** Returns the text of an API file with only the methods in use. */
  methodsOf(text: string): string {
    return text.replaceAll(METHOD, (method, name: string) => {
      const isUsed = name === 'constructor' || this.#words.has(name.replace(/WithHttpInfo$/, ''));
      return isUsed ? method : '';
    });
  }

  /** Returns the serializer's text with only the models that those methods need. */
  modelsOf(text: string): string {
    return text.replaceAll(MODEL_LINE, (line, file?: string, entry?: string) =>
      this.#models.has(file ?? entry ?? '') ? line : '',
    );
  }
}

/**
 * Bundles only the part of the Kubernetes client library that an agent calls: 60 kB of 2.7 MB. No bundler can do that,
 * because the library's classes have a method for every call of an API and its serializer names every object. undici
 * stays out too, since agents bring their own transport (`httpApi`). Only one file of an agent may import the library,
 * and it must contain the calls.
 */
export const kubernetesClient: Plugin = {
  name: 'kubernetes-client',
  setup(builder) {
    let importer: string | undefined;
    let used: Used | undefined;

    builder.onResolve({ filter: /^@kubernetes\/client-node$/ }, (args) => {
      if (importer !== undefined && importer !== args.importer)
        return { errors: [{ text: `${PACKAGE} is already imported by ${importer}` }] };
      importer = args.importer;
      const home = path.dirname(createRequire(args.importer).resolve(`${PACKAGE}/package.json`));
      const gen = path.join(home, 'dist/gen');
      used = new Used(gen, args.importer);
      return { path: path.join(gen, 'index.js'), sideEffects: false };
    });
    builder.onResolve({ filter: /^\.{1,2}\// }, ({ path: file, importer: from, resolveDir }) =>
      from.includes(`${PACKAGE}/dist/gen/`)
        ? { path: path.join(resolveDir, file), sideEffects: false }
        : undefined,
    );
    builder.onLoad({ filter: /client-node\/dist\/gen\/(?:apis|types)\/\w+\.js$/ }, (args) => ({
      contents: used?.methodsOf(read(args.path)) ?? '',
    }));
    builder.onLoad({ filter: /client-node\/dist\/gen\/models\/ObjectSerializer\.js$/ }, (args) => ({
      contents: used?.modelsOf(read(args.path)) ?? '',
    }));
    builder.onLoad({ filter: /client-node\/dist\/gen\/models\/all\.js$/ }, () => ({
      contents: '',
    }));
    builder.onLoad({ filter: /client-node\/dist\/gen\/http\/isomorphic-fetch\.js$/ }, () => ({
      contents: 'export class IsomorphicFetchHttpLibrary {}',
    }));
  },
};
