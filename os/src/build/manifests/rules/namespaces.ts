import type { Permissions } from './permissions.ts';
import { excess, type Faults, list, type Pod, record, text } from './view.ts';

const SWITCHES = [
  ['hostNetwork', 'uses the host’s network'],
  ['hostPID', 'sees and can signal every process of the host'],
  ['hostIPC', 'shares the host’s System V and POSIX memory'],
  ['shareProcessNamespace', 'lets its containers see each other’s processes'],
] as const;

/** Yields the namespaces of the host and kernel settings that a pod has and may not have. */
export function* namespaceFaults(pod: Pod, allowed: Permissions): Faults {
  for (const [name, power] of SWITCHES)
    if (pod.spec[name] === true && !allowed[name])
      yield excess(pod, {
        path: `spec.${name}`,
        cause: 'must not be true',
        need: `${name}: true`,
        power,
      });
  for (const [index, sysctl] of list(pod.securityContext['sysctls']).entries()) {
    const name = text(record(sysctl)['name']);
    if (!allowed.sysctls.includes(name))
      yield excess(pod, {
        path: `spec.securityContext.sysctls[${index}]`,
        cause: `${name} must not be set`,
        need: `sysctls: [${name}]`,
        power: `sets ${name}`,
      });
  }
}
