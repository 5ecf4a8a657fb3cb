import { readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';
import { parse } from 'yaml';

import { repository } from '../../workstation/paths.ts';
import { loadOrder, type ModuleIndex } from './module-index.ts';

const LIST = path.join(repository, 'os/kernel/requests.yaml');

const Name = v.pipe(v.string(), v.regex(/^\w+$/));
const List = v.array(
  v.strictObject({
    module: Name,
    by: v.picklist(['root', 'anybody']),
    use: v.pipe(v.string(), v.minLength(1)),
    also: v.optional(v.array(v.string()), []),
    with: v.optional(v.array(Name), []),
  }),
);

/** The modules that the kernel may ask for: the content of `os/kernel/requests.yaml`. */
export type Requestable = v.InferOutput<typeof List>;

export const parseRequestable = (yaml: string): Requestable => v.parse(List, parse(yaml));

export const readRequestable = async (): Promise<Requestable> =>
  parseRequestable(await readFile(LIST, 'utf8'));

/** Patterns are for devices, which the module loader serves, and `devname:` is for their nodes. */
const IS_PLAIN = /^[^:*?[]+$/;

const normal = (name: string): string => name.replaceAll('-', '_');

/** Returns what the kernel calls a module when it asks for it. */
function namesOf({ module, also }: Requestable[number], index: ModuleIndex): readonly string[] {
  const aliases = index.aliases.flatMap((alias) =>
    alias.module === module && IS_PLAIN.test(alias.pattern) ? [alias.pattern] : [],
  );
  return [module, ...aliases, ...also];
}

/** `vhost_net vhost-net c10:238`: a module, its device node below /dev, and the node's numbers. */
const NODE = /^(\S+) (\S+) c(\d+):(\d+)$/gm;

/** Returns the rules for the device nodes of these modules, by the text of modules.devname. */
const nodeRules = (modules: ReadonlySet<string>, devname: string): string[] =>
  [...devname.matchAll(NODE)].flatMap(([, module = '', file, major, minor]) =>
    modules.has(normal(module)) ? [`node ${file} ${major} ${minor}`] : [],
  );

/**
 * Makes the table of requests that init serves (docs/host-api.md section 8). Modules that a kernel has built in or
 * lacks are not in it. A name that two modules have stands for both.
 */
export function planRequests(list: Requestable, index: ModuleIndex, devname: string): string {
  const files = new Map<string, Set<string>>();
  const present = list.filter(({ module }) => index.files.has(module));
  for (const entry of present) {
    const order = loadOrder(index, [...entry.with, entry.module]);
    for (const name of namesOf(entry, index).map(normal)) {
      const known = files.get(name) ?? new Set();
      files.set(name, known);
      for (const file of order) known.add(file);
    }
  }
  const asks = [...files].map(([name, order]) => ['ask', name, ...order].join(' ')).toSorted();
  const nodes = nodeRules(new Set(present.map(({ module }) => module)), devname);
  return [...asks, ...nodes].map((line) => `${line}\n`).join('');
}
