import * as v from 'valibot';

import { fnmatch } from '../index/fnmatch.ts';
import { hasInstall, type ModprobeConfig, optionsOf } from '../index/modprobe-config.ts';
import { normalise } from '../index/module-name.ts';
import { PROFILES } from './profiles.ts';

const text = v.pipe(v.string(), v.minLength(1), v.maxLength(4096));
/** A module or an alias, by its name alone. */
const name = v.pipe(
  text,
  v.regex(/^\S*$/, 'must have no blanks'),
  v.check((value) => !/\.ko(?:\.\w+)?$/.test(value), 'is the name of a file; leave .ko out'),
);
/** Parameters, passed to the kernel unchanged. */
const params = v.pipe(
  text,
  v.regex(/^[^\n\r\0]*$/, 'must be one line'),
  v.check((value) => (value.match(/"/g) ?? []).length % 2 === 0, 'must have balanced quotes'),
);

/** A pattern of names or aliases, in the form of fnmatch(3). */
const pattern = v.pipe(
  text,
  v.check((value) => normalise(value) !== undefined, 'has unbalanced brackets'),
);

/** Says why a list of patterns cannot count; undefined when it can. */
function listFault(value: unknown): string | undefined {
  if (!Array.isArray(value)) return 'is not a list';
  const entry: unknown = value.find((each) => !v.is(pattern, each));
  if (entry === undefined && !value.includes(undefined)) return undefined;
  return `has an entry that is no pattern, so all of it counts as absent: ${JSON.stringify(entry)?.slice(0, 80)}`;
}

/**
 * A list that keeps out what it does not have. One with a faulty entry counts as absent: without that entry it would
 * keep out what the entry was to let in, the driver of a network card perhaps.
 */
const only = v.custom<string[]>(
  (value) => listFault(value) === undefined,
  ({ input }) => listFault(input) ?? '',
);

/** `/etc/kios/modules/modules.yaml`. */
export const Policy = v.strictObject({
  load: v.optional(
    v.array(
      v.strictObject({
        name,
        params: v.optional(params),
        required: v.optional(v.boolean(), true),
      }),
    ),
    [],
  ),
  /** Patterns of modules that are never loaded, not even as dependencies. */
  deny: v.optional(v.array(pattern), []),
  /** Patterns of the only modules that may be loaded, besides dependencies; all when absent. */
  allow: v.optional(only),
  coldplug: v.optional(
    v.strictObject({
      enabled: v.optional(v.boolean(), true),
      /** Buses whose devices get drivers; all when absent. */
      buses: v.optional(only),
      /** Patterns of aliases that get no driver. */
      skip: v.optional(v.array(pattern), []),
    }),
    {},
  ),
  profiles: v.optional(v.record(text, v.array(name)), {}),
  params: v.optional(v.record(text, params), {}),
});
export type Policy = v.InferOutput<typeof Policy>;

const underscores = (name: string): string => name.replaceAll('-', '_');
const matching = (patterns: readonly string[], name: string): string | undefined =>
  patterns.find((pattern) => fnmatch(normalise(pattern) ?? pattern, name));

/** Who wants a module: a device (`alias`), the operator (`name`) or another module (`dep`). */
export type Wanted = 'alias' | 'name' | 'dep';

/** Returns the rule that denies a module; undefined when it may be loaded. */
export function denial(
  policy: Policy,
  config: ModprobeConfig,
  name: string,
  wanted: Wanted,
): string | undefined {
  const denied = matching(policy.deny, name);
  if (denied !== undefined) return `deny: ${denied}`;
  if (config.refused.has(name)) return 'module_blacklist';
  if (hasInstall(config, name)) return 'install';
  if (wanted === 'alias' && config.blacklist.has(name)) return 'blacklist';
  const allowed = wanted === 'dep' || policy.allow === undefined || matching(policy.allow, name);
  return allowed === undefined ? 'allow' : undefined;
}

/** Returns whether drivers may be loaded for a device's alias. */
export function serves(policy: Policy, alias: string): boolean {
  const { buses, skip } = policy.coldplug;
  const bus = alias.slice(0, Math.max(alias.indexOf(':'), 0));
  if (buses !== undefined && !buses.includes(bus)) return false;
  return !skip.some((pattern) => fnmatch(pattern, alias));
}

/**
 * Returns the parameters of a module that is loaded for `alias`: those of modprobe.d for both and of the kernel's
 * command line, then the policy's.
 */
export function paramsOf(
  policy: Policy,
  config: ModprobeConfig,
  name: string,
  alias = name,
): string {
  const own = Object.entries(policy.params).find(([key]) => underscores(key) === name)?.[1];
  const listed = policy.load.find((entry) => underscores(entry.name) === name)?.params;
  const parts = [...optionsOf(config, name, alias), own, listed];
  return parts.filter((part) => part !== undefined).join(' ');
}

/** Returns the module names of a profile; the policy's replaces a built-in profile of the same name. */
export function profile(policy: Policy, name: string): readonly string[] | undefined {
  return policy.profiles[name] ?? PROFILES[name];
}
