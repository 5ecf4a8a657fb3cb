import path from 'node:path';

import { expect, it } from 'vitest';

import { checkManifests } from '../../../../src/build/manifests/check.ts';
import { parsePolicy } from '../../../../src/build/manifests/policy-file.ts';
import { readPolicy } from '../../../../src/build/manifests/read-policy.ts';
import { readManifests } from '../../../../src/build/manifests/read.ts';
import {
  NO_PERMISSIONS,
  type Permissions,
} from '../../../../src/build/manifests/rules/permissions.ts';
import { repository } from '../../../../src/workstation/paths.ts';

const policy = await readPolicy();

const FOLDERS = ['manifests', 'bench/manifests', 'examples/node-logs/manifests'];
const files = (
  await Promise.all(FOLDERS.map(async (folder) => readManifests(path.join(repository, folder))))
).flat();

it('the pods of the repository keep the policy, name images of this version and need no warning', () => {
  expect(files.length).toBeGreaterThan(FOLDERS.length);
  expect(checkManifests(files, { policy })).toEqual({ faults: [], warnings: [] });
});

const LISTS = ['capabilities', 'hostPorts', 'sysctls', 'unlimitedMemory'] as const;
const FLAGS = ['hostNetwork', 'hostPID', 'hostIPC', 'shareProcessNamespace', 'root', 'writableRoot'] as const; // prettier-ignore

/** Yields the permissions of a pod without one of them, each with its name. */
function* without(given: Permissions): Generator<[string, Permissions]> {
  for (const name of LISTS)
    for (const one of given[name]) {
      const left = given[name].filter((other: unknown) => other !== one);
      yield [`${name} ${one}`, { ...given, [name]: left }];
    }
  for (const name of FLAGS) if (given[name]) yield [name, { ...given, [name]: false }];
  for (const [where, access] of Object.entries(given.hostPaths)) {
    const { [where]: _, ...others } = given.hostPaths;
    yield [where, { ...given, hostPaths: others }];
    if (access === 'write')
      yield [`write ${where}`, { ...given, hostPaths: { ...others, [where]: 'read' } }];
  }
}

it('the policy allows nothing that no pod uses', () => {
  const unused = Object.entries(policy.pods).flatMap(([key, given]) => {
    const [, name = ''] = key.split('/');
    const own = files.filter(({ text }) => text.includes(`name: ${name}`));
    return [...without(given)]
      .filter(([, less]) => {
        const pods = { ...policy.pods, [key]: less };
        return checkManifests(own, { policy: { ...policy, pods } }).faults.length === 0;
      })
      .map(([permission]) => `${key}: ${permission}`);
  });
  expect(unused).toEqual([]);
});

it('reads permissions, and their absence as none', () => {
  expect(
    parsePolicy('pods: {a/b: {root: true}, a/c: {privileged: true, reason: kube-proxy}}'),
  ).toEqual({
    'a/b': { ...NO_PERMISSIONS, root: true },
    'a/c': { ...NO_PERMISSIONS, privileged: 'kube-proxy' },
  });
});

it.each([
  ['what is no YAML', 'pods: [', /: line 1: the text is not indented deep enough/],
  ['another document', 'capabilities: {}', /: line 1: pods: is missing$/],
  ['an alias of nothing', 'pods: *a', /: an alias has no anchor$/],
  ['a word for all entries', 'pods: a/b', /: line 1: pods: must be a map$/],
  ['an entry without a value', 'pods:\n  a/b:', /: line 2: pods\.a\/b: must be a map$/],
  [
    'a word for a list',
    'pods:\n  a/b:\n    capabilities: NET_RAW',
    /: line 3: pods\.a\/b\.capabilities: must be a list$/,
  ],
  [
    'a word for a bool',
    'pods:\n  a/b.c:\n    root: yes',
    /: line 3: pods\.a\/b\.c\.root: must be true or false$/,
  ],
  [
    'an unknown permission',
    'pods: {a/b: {capabilites: []}}',
    /line 1: pods\.a\/b\.capabilites: is not known here; the nearest is capabilities$/,
  ],
  ['a pod without its namespace', 'pods: {b: {}}', /: must be NAMESPACE\/NAME of a pod$/],
  [
    'a host path that is neither read nor written',
    'pods: {a/b: {hostPaths: {/etc: all}}}',
    /hostPaths\.\/etc: must be read or write$/,
  ],
  [
    'a privileged pod without a reason',
    'pods: {a/b: {privileged: true}}',
    /a\/b: privileged: true needs a reason/,
  ],
  ['a reason for nothing', 'pods: {a/b: {reason: x}}', /needs a reason, and nothing else/],
])('refuses %s', (_, text, message) => {
  expect(() => parsePolicy(text)).toThrow(message);
  expect(() => parsePolicy(text)).toThrow(
    expect.objectContaining({ code: 'KIOS_MANIFEST_POLICY' }),
  );
});
