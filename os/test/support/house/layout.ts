import type { Files } from './repository.ts';

/** The rooms of an agent. Everything in `core` and `edge` lies in the folder of a topic. */
const ROOMS = [
  /^src\/main\.ts$/,
  /^src\/verbs\/[a-z0-9-]+\.ts$/,
  /^src\/(?:core|edge)\/[a-z0-9-]+\/(?:[a-z0-9-]+\/)*[a-z0-9-]+\.ts$/,
  /^test\/(?:unit|netns|kernel|cluster|integration|fuzz)\/(?:[a-z0-9-]+\/)*[a-z0-9-]+\.test\.ts$/,
  /^test\/(?:support|vectors)\/.+$/,
  /^(?:README\.md|package\.json|tsconfig\.json|turbo\.json|vitest\.config\.ts)$/,
] as const;
const REQUIRED = ['README.md', 'package.json', 'src/main.ts'] as const;
const LONGEST_MAIN = 60;

/** Folder names directly below `parent`. */
const foldersIn = (parent: string, names: readonly string[]): string[] => [
  ...new Set(
    names.flatMap((name) => {
      const [first, second, third] = name.split('/');
      return first === parent && second !== undefined && third !== undefined ? [second] : [];
    }),
  ),
];

function agentFaults(agent: string, { names, read }: Files): string[] {
  const prefix = `agents/${agent}/`;
  const own = names
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length));
  const strangers = own.filter((name) => !ROOMS.some((room) => room.test(name)));
  const missing = REQUIRED.filter((name) => !own.includes(name));
  const main = own.includes('src/main.ts') ? read(`${prefix}src/main.ts`) : '';
  const lines = main.split('\n').length - 1;
  return [
    ...strangers.map((name) => `${prefix}${name}: no room of an agent holds it`),
    ...missing.map((name) => `${prefix}${name}: is missing`),
    ...(own.some((name) => name.startsWith('src/verbs/'))
      ? []
      : [`${prefix}src/verbs: is missing`]),
    ...(lines <= LONGEST_MAIN ? [] : [`${prefix}src/main.ts: has ${lines} lines`]),
    ...(main.includes('startProgram(') ? [] : [`${prefix}src/main.ts: does not call startProgram`]),
  ];
}

/** Agents whose folders differ from the common layout. */
export const layoutFaults = (files: Files): string[] =>
  foldersIn('agents', files.names).flatMap((agent) => agentFaults(agent, files));

/** Packages whose entry is not `src/index.ts`. */
export function entryFaults({ names, read }: Files): string[] {
  return foldersIn('packages', names).flatMap((name) => {
    const file = `packages/${name}/package.json`;
    const entry = /"\.": "([^"]+)"/.exec(read(file))?.[1];
    return entry === './src/index.ts' ? [] : [`${file}: its entry is ${entry ?? 'not named'}`];
  });
}

/** Folders that a newcomer enters first and that have no README.md. */
export function readmeFaults({ names }: Files): string[] {
  const packages = ['agents', 'packages', 'examples'].flatMap((parent) =>
    foldersIn(parent, names).map((name) => `${parent}/${name}`),
  );
  const folders = [...packages, 'bench', 'docs', 'docs/decisions', 'init', 'os'];
  return folders.filter((folder) => !names.includes(`${folder}/README.md`));
}

const TEST_CODE = /from '@kios\/testkit|import\('@kios\/testkit/;

/** Product files that import test code; what checks and measures a node may. */
export function testCodeInProduct({ names, read }: Files): string[] {
  const product = names.filter(
    (name) =>
      /^(?:agents|packages|os)\/(?:[^/]+\/)?src\/.*\.ts$/.test(name) &&
      !/^packages\/testkit\/|^os\/src\/(?:checks|bench)\//.test(name),
  );
  return product.filter((name) => TEST_CODE.test(read(name)));
}

/** A quoted name or pattern of init's Go files. */
const GO_SOURCE = /['"`][^'"`\n]*\binit\/[^'"`\n]*\.go\b/;

/** TypeScript files that name Go source: the two languages share data, and neither reads the other. */
export const goReaders = ({ names, read }: Files): string[] =>
  names.filter(
    (name) =>
      name.endsWith('.ts') && !name.startsWith('os/test/unit/house/') && GO_SOURCE.test(read(name)),
  );
