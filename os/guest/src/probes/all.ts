import { spawnSync } from 'node:child_process';

import { resultOf } from '../call.ts';
import { makeUserNamespace } from '../user-namespace.ts';
import { ALLOWED } from './allowed.ts';
import { FILES } from './files.ts';
import { HELPERS } from './helpers.ts';
import { KERNEL } from './kernel.ts';
import type { Probes } from './probe.ts';
import { APART, PROCESSES } from './processes.ts';
import { UNPRIVILEGED } from './unprivileged.ts';

const NOBODY = 65_534;

const HERE: Probes = {
  ...FILES,
  ...PROCESSES,
  ...KERNEL,
  ...HELPERS,
  ...ALLOWED,
  'user-namespace': makeUserNamespace,
};

/** Probes that need a process of their own, and the user of that process. */
const ELSEWHERE = new Map<string, number>([
  ...Object.keys(APART).map((name) => [name, 0] as const),
  ...Object.keys(UNPRIVILEGED).map((name) => [name, NOBODY] as const),
]);

const ATTEMPTS: Probes = { ...APART, ...UNPRIVILEGED };

function fromAnother(name: string, user: number): string {
  const { execPath, argv } = process;
  const { stdout, stderr, signal } = spawnSync(execPath, [argv[1] ?? '', 'attempt', name], {
    uid: user,
    gid: user,
    encoding: 'utf8',
  });
  return stdout.trim() || signal || stderr.trim();
}

/** Makes one attempt in this process and returns its result. */
export const attempt = (name: string): string => {
  const probe = ATTEMPTS[name] ?? HERE[name];
  if (probe === undefined) throw new Error(`no probe ${name}`);
  return resultOf(probe);
};

/** Makes all attempts one after the other and yields the name and result of each. */
export function* probeAll(): Generator<readonly [name: string, result: string]> {
  for (const name of Object.keys(HERE)) yield [name, attempt(name)];
  for (const [name, user] of ELSEWHERE) yield [name, fromAnother(name, user)];
}
