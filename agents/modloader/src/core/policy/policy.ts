import * as v from 'valibot';

import { fnmatch } from '../index/fnmatch.ts';
import type { ModprobeConfig } from '../index/modprobe-config.ts';
import { PROFILES } from './profiles.ts';

const text = v.pipe(v.string(), v.minLength(1), v.maxLength(4096));
/** Parameters go to the kernel as they stand. */
const params = v.pipe(
  text,
  v.regex(/^[^\n\r\0]*$/, 'must be one line'),
  v.check((value) => (value.match(/"/g) ?? []).length % 2 === 0, 'has an unbalanced quote'),
);

/** `/etc/kios/modules.yaml`. */
export const Policy = v.strictObject({
  load: v.optional(
    v.array(
      v.strictObject({
        name: text,
        params: v.optional(params),
        required: v.optional(v.boolean(), true),
      }),
    ),
    [],
  ),
  /** Never loaded, not even as another's dependency. */
  deny: v.optional(v.array(text), []),
  /** If given, everything else is denied, but for dependencies. */
  allow: v.optional(v.array(text)),
  coldplug: v.optional(
    v.strictObject({
      enabled: v.optional(v.boolean(), true),
      /** Only devices of these buses; all when absent. */
      buses: v.optional(v.array(text)),
      /** Aliases that are not served. */
      skip: v.optional(v.array(text), []),
    }),
    {},
  ),
  profiles: v.optional(v.record(text, v.array(text)), {}),
  params: v.optional(v.record(text, params), {}),
});
export type Policy = v.InferOutput<typeof Policy>;

const underscores = (name: string): string => name.replaceAll('-', '_');
const matching = (patterns: readonly string[], name: string): string | undefined =>
  patterns.find((pattern) => fnmatch(underscores(pattern), name));

/** How a module came to be wanted: what the device, the operator or another module asked for. */
export type Wanted = 'alias' | 'name' | 'dep';

/** The rule that forbids a module; undefined when it may be loaded. */
export function denial(
  policy: Policy,
  config: ModprobeConfig,
  name: string,
  wanted: Wanted,
): string | undefined {
  const denied = matching(policy.deny, name);
  if (denied !== undefined) return `deny: ${denied}`;
  if (config.install.has(name)) return 'install';
  if (wanted === 'alias' && config.blacklist.has(name)) return 'blacklist';
  const allowed = wanted === 'dep' || policy.allow === undefined || matching(policy.allow, name);
  return allowed === undefined ? 'allow' : undefined;
}

/** Whether a device's alias is served at all. */
export function serves(policy: Policy, alias: string): boolean {
  const { buses, skip } = policy.coldplug;
  const bus = alias.slice(0, Math.max(alias.indexOf(':'), 0));
  if (buses !== undefined && !buses.includes(bus)) return false;
  return !skip.some((pattern) => fnmatch(pattern, alias));
}

/** Parameters of a module: modprobe.d and the command line for it, then the policy's. */
export function paramsOf(policy: Policy, config: ModprobeConfig, name: string): string {
  const own = Object.entries(policy.params).find(([key]) => underscores(key) === name)?.[1];
  const listed = policy.load.find((entry) => underscores(entry.name) === name)?.params;
  const parts = [...(config.options.get(name) ?? []), own, listed];
  return parts.filter((part) => part !== undefined).join(' ');
}

/** The module names of a profile; a profile of the policy replaces a built-in one of the same name. */
export function profile(policy: Policy, name: string): readonly string[] | undefined {
  return policy.profiles[name] ?? PROFILES[name];
}
