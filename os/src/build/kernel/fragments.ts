import { KiosError } from '@kios/errors';

/** Options of a kernel configuration by name, without `CONFIG_`: `y`, `m`, `n`, a number, or a string in quotes. */
export type Options = ReadonlyMap<string, string>;

const SET = /^CONFIG_(\w+)=(.+)$/;
const UNSET = /^# CONFIG_(\w+) is not set$/;
/** Comments and empty lines. */
const TEXT = /^(?:#+ (?!CONFIG_)|#$|$)/;

function parseLine(line: string): readonly [option: string, value: string] | 'text' | undefined {
  const [, set, value] = SET.exec(line) ?? [];
  if (set !== undefined && value !== undefined) return [set, value];
  const [, unset] = UNSET.exec(line) ?? [];
  if (unset !== undefined) return [unset, 'n'];
  return TEXT.test(line) ? 'text' : undefined;
}

/** Parses fragments, or a finished `.config`. Their order has no meaning: two that disagree are an error. */
export function parseOptions(texts: ReadonlyMap<string, string>): Options {
  const options = new Map<string, string>();
  const from = new Map<string, string>();
  for (const [name, text] of texts)
    for (const line of text.split('\n')) {
      const parsed = parseLine(line.trim());
      if (parsed === 'text') continue;
      if (parsed === undefined) throw new KiosError('KIOS_KERNEL_OPTION', `read ${name}: ${line}`);
      const [option, value] = parsed;
      const before = options.get(option) ?? value;
      if (before !== value)
        throw new KiosError(
          'KIOS_KERNEL_OPTION',
          `merge ${option}: ${before} in ${from.get(option)}, ${value} in ${name}`,
        );
      options.set(option, value);
      from.set(option, name);
    }
  return options;
}

/** Formats options as the kernel's configuration programs read them. */
export const formatOptions = (options: Options): string =>
  [...options]
    .map(([name, value]) =>
      value === 'n' ? `# CONFIG_${name} is not set\n` : `CONFIG_${name}=${value}\n`,
    ) // prettier-ignore
    .join('');

/**
 * Fails when the finished configuration differs from the fragments. kconfig silently drops an option whose dependency
 * is off, one that was renamed, and a value that the selection of another option overrides.
 */
export function checkOptions(wanted: Options, got: Options): void {
  const lost = [...wanted].filter(([name, value]) => (got.get(name) ?? 'n') !== value);
  if (lost.length === 0) return;
  const list = lost.map(([name, value]) => `${name}: wanted ${value}, got ${got.get(name) ?? 'n'}`);
  throw new KiosError('KIOS_KERNEL_OPTION', `configure the kernel: ${list.join('; ')}`, {
    remedy: 'Look up its `depends on` lines in the Kconfig file that declares it, and add the missing options to the fragment.',
  }); // prettier-ignore
}
