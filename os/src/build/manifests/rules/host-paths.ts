import path from 'node:path';

import { isRecord } from '../fault.ts';
import type { Permissions } from './permissions.ts';
import {
  type Container,
  excess,
  type Faults,
  type Json,
  list,
  type Pod,
  record,
  text,
} from './view.ts';

interface Mount {
  readonly at: string;
  readonly fields: Json;
}

const mountsOf = ({ at, fields }: Container): Mount[] =>
  list(fields['volumeMounts']).map((mount, index) => ({
    at: `${at}.volumeMounts[${index}]`,
    fields: record(mount),
  }));

/** Returns the path of the host that kubelet mounts for a path as written. */
const mounted = (given: string): string => path.posix.resolve('/', given);

/**
 * Yields a path that is not written as the policy writes it. Of those kubelet refuses an empty one and `..`; runc looks
 * for a relative one in a folder of its own, where nothing is.
 */
function* formFaults(at: string, given: string): Faults {
  const where = mounted(given);
  if (where === given) return;
  const fault = {
    path: `${at}.hostPath.path`,
    cause: `${given === '' ? 'is empty and' : given} must be an absolute path without . or .. and without a slash at its end`,
  };
  if (!given.startsWith('/') || given.split('/').includes('..')) yield fault;
  else yield { ...fault, effect: `${given} is mounted as ${where}` };
}

/** Yields the mounts of a host path that go beyond what is allowed. */
function* accessFaults(
  pod: Pod,
  { at, where, mounts, allowed }: { at: string; where: string; mounts: readonly Mount[]; allowed: Permissions }, // prettier-ignore
): Faults {
  const writers = mounts.filter(({ fields }) => fields['readOnly'] !== true);
  const permission = Object.hasOwn(allowed.hostPaths, where) ? allowed.hostPaths[where] : undefined;
  const verb = writers.length > 0 ? 'write' : 'read';
  if (permission === undefined)
    yield excess(pod, {
      path: `${at}.hostPath.path`,
      cause: `${where} must not be mounted`,
      need: `hostPaths: {${where}: ${verb}}`,
      power: `${verb}s the host’s ${where}`,
    });
  else if (permission === 'read')
    for (const writer of writers)
      yield excess(pod, {
        path: `${writer.at}.readOnly`,
        cause: `must be true for ${where}`,
        need: `hostPaths: {${where}: write}`,
        power: `writes the host’s ${where}`,
      });
}

/**
 * Yields the paths of the host that a pod mounts and may not mount, or may only read. What a path in another form gives
 * counts only where that form is no fault.
 */
export function* hostPathFaults(pod: Pod, allowed: Permissions, isOpen: boolean): Faults {
  const mounts = pod.containers.flatMap(mountsOf);
  for (const { at, name, fields } of pod.volumes) {
    const source = fields['hostPath'];
    if (!isRecord(source)) continue;
    const given = text(source['path']);
    const where = mounted(given);
    const own = mounts.filter((mount) => mount.fields['name'] === name);
    yield* formFaults(at, given);
    if (isOpen || where === given) yield* accessFaults(pod, { at, where, mounts: own, allowed });
  }
  for (const mount of mounts)
    if (mount.fields['mountPropagation'] === 'Bidirectional')
      yield excess(pod, {
        path: `${mount.at}.mountPropagation`,
        cause: 'must not be Bidirectional',
        need: 'privileged: true, reason: …',
        power: 'mounts file systems on the host',
      });
}
