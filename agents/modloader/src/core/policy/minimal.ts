import type { ModulesStatus } from '@kios/node-state';

/**
 * Returns the part of a policy that lets in what this boot needed and nothing else. Dependencies are let in with what
 * needs them; what the kernel asks init for is not the policy's to decide.
 */
export function minimalPolicy({ kernel, loaded }: ModulesStatus): string {
  const own = loaded.filter(({ by }) => by !== 'dep' && by !== 'request');
  const names = [...new Set(own.map(({ name }) => name))].toSorted();
  const lines = names.map((name) => `  - ${name}`);
  const list = lines.length === 0 ? 'allow: []' : ['allow:', ...lines].join('\n');
  return `# What a boot of ${kernel} needed. Nothing else is loaded, except what these modules need.\n${list}\n`;
}
