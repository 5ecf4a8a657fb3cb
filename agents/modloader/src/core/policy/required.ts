import type { ModprobeConfig } from '../index/modprobe-config.ts';
import type { ModuleIndex } from '../index/module-index.ts';
import { nameOfFile } from '../index/module-name.ts';
import { denial, type Policy } from './policy.ts';

/** A module that has to be loaded and cannot be, because a rule denies it or what it needs. */
export interface Blocked {
  readonly name: string;
  readonly denied: string;
  readonly rule: string;
}

/** Returns which of the modules that have to be loaded are denied, or need one that is. */
export function blockedBy(
  { policy, config, index }: Rules,
  names: readonly string[],
): readonly Blocked[] {
  return names.flatMap((wanted) => {
    const lookup = index.lookup(wanted);
    return (lookup?.names ?? []).flatMap((name) => {
      const own = denial(policy, config, name, lookup?.by ?? 'name');
      const needs = (index.module(name)?.needs ?? []).map(nameOfFile);
      const all = [
        { denied: name, rule: own },
        ...needs.map((need) => ({ denied: need, rule: denial(policy, config, need, 'dep') })),
      ];
      return all.flatMap(({ denied, rule }) =>
        rule === undefined ? [] : [{ name, denied, rule }],
      );
    });
  });
}

export interface Rules {
  readonly policy: Policy;
  readonly config: ModprobeConfig;
  readonly index: ModuleIndex;
}
