import { isBuiltin } from 'node:module';

/** What the files of a bundle use of their runtime. */
export interface Uses {
  /** By the module's name as the bundle writes it, the functions and values that are read of it. */
  readonly modules: Readonly<Record<string, readonly string[]>>;
  /** Such as `AbortSignal` and `AbortSignal.any`. */
  readonly globals: readonly string[];
}

const LOADED = /(?:(import_\w+)=(?:__toESM\()?)?(?:require|getBuiltinModule)\("([^"]+)"\)/g;
const MEMBER = /(?<![\w$.'"])(\w+)\.(\w+)/g;
const CALLED = /(?<![\w$.'"])(?:(?:new|instanceof) )?([A-Za-z]\w*)(?=\(|\.)/g;

/** Returns a value of this Node by its name or by that of an object and its member; undefined of names of others. */
function valueOf(name: string, member?: string): unknown {
  const value: unknown = Object.hasOwn(globalThis, name)
    ? Reflect.get(globalThis, name)
    : undefined;
  if (member === undefined || value === undefined || value === null) return value;
  return Reflect.get(Object(value), member);
}

type Modules = Map<string, Set<string>>;

/** Notes what the text of a file reads of modules, which it has by these names. */
function addMembers(text: string, names: ReadonlyMap<string, string>, modules: Modules): void {
  for (const [, variable = '', member = ''] of text.matchAll(MEMBER)) {
    const members = modules.get(names.get(variable) ?? '');
    if (member !== 'default') members?.add(member);
  }
}

/** Finds modules of Node in the text of a file, with what is read of each by the name that esbuild gives it. */
function addModules(text: string, modules: Modules): void {
  const names = new Map<string, string>();
  for (const [, variable, module = ''] of text.matchAll(LOADED)) {
    if (!isBuiltin(module)) continue;
    if (!modules.has(module)) modules.set(module, new Set());
    if (variable !== undefined) names.set(variable, module);
  }
  addMembers(text, names, modules);
}

function* globalsIn(text: string): Generator<string> {
  for (const [, name = ''] of text.matchAll(CALLED)) if (valueOf(name) !== undefined) yield name;
  for (const [, name = '', member = ''] of text.matchAll(MEMBER))
    if (valueOf(name, member) !== undefined) yield `${name}.${member}`;
}

/** Reads the texts of a bundle's files. A global is what this Node has by a name that the text calls or looks into. */
export function usesOf(texts: readonly string[]): Uses {
  const modules: Modules = new Map();
  for (const text of texts) addModules(text, modules);
  return {
    modules: Object.fromEntries(
      [...modules].map(([name, members]) => [name, [...members].toSorted()]),
    ),
    globals: [...new Set(texts.flatMap((text) => [...globalsIn(text)]))].toSorted(),
  };
}

/** Returns a program that prints as a JSON array what its runtime lacks of these. */
export const probeOf = ({ modules, globals }: Uses): string => `const lacking = [];
for (const [name, members] of Object.entries(${JSON.stringify(modules)})) {
  let found;
  try {
    found = require(name);
  } catch {
    lacking.push(name);
    continue;
  }
  for (const member of members)
    if (found[member] === undefined) lacking.push(name + '.' + member);
}
for (const name of ${JSON.stringify(globals)}) {
  const [of, member] = name.split('.');
  const value = globalThis[of];
  if (value === undefined || value === null) lacking.push(of);
  else if (member !== undefined && value[member] === undefined) lacking.push(name);
}
console.log(JSON.stringify([...new Set(lacking)]));
`;
