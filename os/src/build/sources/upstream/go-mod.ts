/** The parts of a component's go.mod that kiOS uses. Upstream versions are written only there. */
export interface GoMod {
  /** The `go` line: the oldest toolchain that may build the module. */
  readonly go: string;
  /** Main packages named by `tool` lines. */
  readonly tools: readonly string[];
  /** Required version of each module, direct and indirect. */
  readonly versions: ReadonlyMap<string, string>;
}

/** Yields the directives of a go.mod as verb and arguments, with blocks expanded. */
function* directives(text: string): Generator<string[]> {
  let block: string[] = [];
  for (const raw of text.split('\n')) {
    const words = raw
      .replace(/\/\/.*$/u, '')
      .split(/\s+/u)
      .filter(Boolean);
    if (words[0] === ')') block = [];
    else if (words[1] === '(') block = words.slice(0, 1);
    else if (words.length > 0) yield [...block, ...words];
  }
}

/** Parses a go.mod (Go modules reference, "go.mod files"). */
export function parseGoMod(text: string): GoMod {
  const all = [...directives(text)];
  const of = (verb: string): string[][] => all.filter((words) => words[0] === verb);
  return {
    go: of('go')[0]?.[1] ?? '',
    tools: of('tool').map(([, importPath = '']) => importPath),
    versions: new Map(of('require').map(([, module = '', version = '']) => [module, version])),
  };
}

/** Returns the module of a package: the longest required path that is a prefix of the package's. */
export function moduleOf(mod: GoMod, importPath: string): string | undefined {
  let best: string | undefined;
  for (const module of mod.versions.keys()) {
    const inside = importPath === module || importPath.startsWith(`${module}/`);
    if (inside && module.length > (best?.length ?? 0)) best = module;
  }
  return best;
}

const numbersOf = (version: string): number[] =>
  (/^(?:go)?(\d+(?:\.\d+)*)/u.exec(version)?.[1] ?? '0').split('.').map(Number);

/**
 * Compares Go versions such as `1.26.8` and `go1.21`: negative when `left` is older. A pre-release equals its release.
 */
export function compareGoVersions(left: string, right: string): number {
  const [a, b] = [numbersOf(left), numbersOf(right)];
  for (let at = 0; at < Math.max(a.length, b.length); at += 1) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
