import path from 'node:path';

import type { Files } from './repository.ts';

/** Static, type and `import()` imports, and re-exports: all of them bind one file to another. */
const SPECIFIER = /\b(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g;

/** The files that each TypeScript file imports by a relative path. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

export function importGraph({ names, read }: Files): ImportGraph {
  const sources = names.filter((name) => /^(?:agents|packages|os|examples)\/.*\.ts$/.test(name));
  return new Map(
    sources.map((name) => {
      const targets = [...read(name).matchAll(SPECIFIER)].map(([, target = '']) =>
        path.posix.join(path.posix.dirname(name), target),
      );
      return [name, targets];
    }),
  );
}

/** The floors of os/src, each with those it stands on. */
const FLOORS: Readonly<Record<string, readonly string[]>> = {
  workstation: [],
  build: ['workstation'],
  publish: ['workstation', 'build'],
  artefact: ['workstation', 'build'],
  fleet: ['workstation'],
  lab: ['workstation', 'build'],
  media: ['workstation', 'build'],
  checks: ['workstation', 'build', 'lab'],
  bench: ['workstation', 'build', 'lab'],
  conformance: ['workstation', 'build', 'lab'],
  cli: [
    'workstation',
    'build',
    'publish',
    'artefact',
    'fleet',
    'lab',
    'media',
    'checks',
    'bench',
    'conformance',
  ],
};

const floorOf = (name: string): string | undefined => /^os\/src\/([^/]+)\//.exec(name)?.[1];

/** Imports of os/src that do not point downward, as `from -> to`, and files on no known floor. */
export function upwardImports(graph: ImportGraph): string[] {
  const faults: string[] = [];
  for (const [name, targets] of graph) {
    const floor = floorOf(name);
    if (floor === undefined) continue;
    const below = FLOORS[floor];
    if (below === undefined) {
      faults.push(`${name}: ${floor} is not a floor`);
      continue;
    }
    const allowed = new Set([floor, ...below]);
    const upward = targets.filter(
      (target) => target.startsWith('os/src/') && !allowed.has(floorOf(target) ?? ''),
    );
    faults.push(...upward.map((target) => `${name} -> ${target}`));
  }
  return faults;
}

/** Circles of imports, each as the files on it; Tarjan's strongly connected components. */
export function circles(graph: ImportGraph): string[][] {
  const order = new Map<string, { index: number; low: number }>();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (name: string): { index: number; low: number } => {
    const own = { index: order.size, low: order.size };
    order.set(name, own);
    stack.push(name);
    for (const target of graph.get(name) ?? []) {
      if (!graph.has(target)) continue;
      const known = order.get(target);
      if (known === undefined) own.low = Math.min(own.low, visit(target).low);
      else if (stack.includes(target)) own.low = Math.min(own.low, known.index);
    }
    if (own.low === own.index) {
      const component = stack.splice(stack.indexOf(name));
      const isCircle = component.length > 1 || (graph.get(name) ?? []).includes(name);
      if (isCircle) found.push(component.toSorted());
    }
    return own;
  };
  for (const name of graph.keys()) if (!order.has(name)) visit(name);
  return found;
}
