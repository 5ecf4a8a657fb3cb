import type { Fault } from '../fault.ts';
import type { Permissions } from './permissions.ts';
import { parseQuantity } from './quantity.ts';
import {
  type Container,
  excess,
  type Faults,
  list,
  type OwnRule,
  type Pod,
  record,
  text,
} from './view.ts';

const PRIVILEGED = 'privileged: true, reason: …';

/** Yields what a container's security context must say and does not, or says and must not. */
function* contextFaults(pod: Pod, container: Container, allowed: Permissions): Faults {
  const { name, securityContext: context } = container;
  const at = `${container.at}.securityContext`;
  const isPrivileged = context['privileged'] === true;
  // What privileged implies is not said again.
  const power = (words: string): string => (isPrivileged ? '' : `container ${name} ${words}`);
  const wrong = (field: string, cause: string, words: string, need = PRIVILEGED) =>
    excess(pod, { path: `${at}.${field}`, cause, need, power: power(words) });
  if (isPrivileged)
    yield excess(pod, {
      path: `${at}.privileged`,
      cause: 'must not be true',
      need: PRIVILEGED,
      power: `container ${name} has all capabilities and devices`,
    });
  if (context['allowPrivilegeEscalation'] !== false)
    yield wrong('allowPrivilegeEscalation', 'must be false', 'can gain rights by set-uid programs');
  if (context['readOnlyRootFilesystem'] !== true && !allowed.writableRoot)
    yield wrong(
      'readOnlyRootFilesystem',
      'must be true',
      'can change its own programs',
      'writableRoot: true',
    );
  const { type: seccomp } = record(
    context['seccompProfile'] ?? pod.securityContext['seccompProfile'],
  );
  if (seccomp !== 'RuntimeDefault' && seccomp !== 'Localhost')
    yield wrong('seccompProfile.type', 'must be RuntimeDefault', 'has no system call filter');
  const procMount = context['procMount'] ?? 'Default';
  if (procMount !== 'Default')
    yield wrong('procMount', 'must be Default', 'sees and can change all of /proc');
  yield* userFaults(pod, container, allowed);
  yield* capabilityFaults(pod, container, allowed);
}

function* userFaults(
  pod: Pod,
  { at, name, securityContext }: Container,
  allowed: Permissions,
): Faults {
  // In a user namespace of its own the pod's root is nobody on the host.
  if (allowed.root || pod.spec['hostUsers'] === false) return;
  const given = (field: string): unknown => securityContext[field] ?? pod.securityContext[field];
  const user = given('runAsUser');
  const isRoot = user === 0 || (user === undefined && given('runAsNonRoot') !== true);
  if (isRoot)
    yield excess(pod, {
      path: `${at}.securityContext.runAsUser`,
      cause: user === 0 ? 'must not be 0' : 'must be set, or runAsNonRoot be true',
      need: 'root: true',
      power: securityContext['privileged'] === true ? '' : `container ${name} runs as root`,
    });
}

/** The kernel's capabilities; runc leaves out what is none of them. */
const CAPABILITIES: readonly string[] = [
  'AUDIT_CONTROL', 'AUDIT_READ', 'AUDIT_WRITE', 'BLOCK_SUSPEND', 'BPF', 'CHECKPOINT_RESTORE', 'CHOWN',
  'DAC_OVERRIDE', 'DAC_READ_SEARCH', 'FOWNER', 'FSETID', 'IPC_LOCK', 'IPC_OWNER', 'KILL', 'LEASE',
  'LINUX_IMMUTABLE', 'MAC_ADMIN', 'MAC_OVERRIDE', 'MKNOD', 'NET_ADMIN', 'NET_BIND_SERVICE', 'NET_BROADCAST',
  'NET_RAW', 'PERFMON', 'SETFCAP', 'SETGID', 'SETPCAP', 'SETUID', 'SYSLOG', 'SYS_ADMIN', 'SYS_BOOT', 'SYS_CHROOT',
  'SYS_MODULE', 'SYS_NICE', 'SYS_PACCT', 'SYS_PTRACE', 'SYS_RAWIO', 'SYS_RESOURCE', 'SYS_TIME', 'SYS_TTY_CONFIG',
  'WAKE_ALARM',
]; // prettier-ignore

/** containerd takes the names in any case. */
const capabilityNames = (value: unknown): string[] =>
  list(value).map((one) => text(one).toUpperCase());

function* capabilityFaults(
  pod: Pod,
  { at, name, securityContext }: Container,
  allowed: Permissions,
): Faults {
  const isPrivileged = securityContext['privileged'] === true;
  const { drop, add } = record(securityContext['capabilities']);
  const path = `${at}.securityContext.capabilities`;
  if (!capabilityNames(drop).includes('ALL'))
    yield excess(pod, {
      path: `${path}.drop`,
      cause: 'must contain ALL; list the needed ones under add',
      need: PRIVILEGED,
      power: isPrivileged ? '' : `container ${name} keeps the runtime’s default capabilities`,
    });
  for (const [index, capability] of capabilityNames(add).entries())
    if (capability !== 'ALL' && !CAPABILITIES.includes(capability))
      yield {
        path: `${path}.add[${index}]`,
        cause: `${capability} is not a capability; they are written as NET_ADMIN`,
        effect: `${capability} is not a capability, so the container does not get it; they are written as NET_ADMIN`,
      };
    else if (capability === 'ALL' || !allowed.capabilities.includes(capability))
      yield excess(pod, {
        path: `${path}.add[${index}]`,
        cause: `${capability} must not be added`,
        need: capability === 'ALL' ? PRIVILEGED : `capabilities: [${capability}]`,
        power: isPrivileged ? '' : `container ${name} has ${capability}`,
      });
}

/** A profile that promises what nobody does. Kubelet starts no pod with one of AppArmor, except for "unconfined". */
const profile = (path: string, module: string, isNone: boolean): Fault | OwnRule => {
  const cause = `must not be set: the node has no ${module}`;
  return isNone
    ? { path, cause, effect: `has no effect: the node has no ${module}` }
    : { path, cause: `${cause}, and kubelet starts no pod that asks for it` };
};

const APPARMOR_ANNOTATION = 'container.apparmor.security.beta.kubernetes.io/';

/** Yields profiles of other security modules. */
function* profileFaults({ metadata, securityContext, containers }: Pod): Faults {
  const contexts = [
    ['spec.securityContext', securityContext] as const,
    ...containers.map(
      (container) => [`${container.at}.securityContext`, container.securityContext] as const,
    ),
  ];
  for (const [at, context] of contexts) {
    const { appArmorProfile } = context;
    if ('seLinuxOptions' in context) yield profile(`${at}.seLinuxOptions`, 'SELinux', true);
    if (appArmorProfile !== undefined) {
      const isNone = record(appArmorProfile)['type'] === 'Unconfined';
      yield profile(`${at}.appArmorProfile`, 'AppArmor', isNone);
    }
  }
  for (const [name, value] of Object.entries(record(metadata['annotations'])))
    if (name.startsWith(APPARMOR_ANNOTATION))
      yield profile(`metadata.annotations["${name}"]`, 'AppArmor', value === 'unconfined');
}

function* portFaults(pod: Pod, { at, fields }: Container, allowed: Permissions): Faults {
  for (const [index, value] of list(fields['ports']).entries()) {
    const { hostPort, containerPort } = record(value);
    // In the host's network each port of a container is one of the host.
    const port = hostPort ?? (pod.spec['hostNetwork'] === true ? containerPort : undefined);
    if (typeof port === 'number' && port !== 0 && !allowed.hostPorts.includes(port))
      yield excess(pod, {
        path: `${at}.ports[${index}].hostPort`,
        cause: `${port} must not be a port of the host`,
        need: `hostPorts: [${port}]`,
        power: `takes port ${port} of the host`,
      });
  }
}

const PROBES = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const;
const HOOKS = ['postStart', 'preStop'] as const;

/** Yields probes and hooks that make kubelet call another host, from the host's network. */
function* handlerFaults(pod: Pod, { at, fields }: Container): Faults {
  if (pod.spec['hostNetwork'] === true) return; // The pod reaches the same by itself.
  const lifecycle = record(fields['lifecycle']);
  const handlers = [
    ...PROBES.map((name) => [name, fields[name]] as const),
    ...HOOKS.map((name) => [`lifecycle.${name}`, lifecycle[name]] as const),
  ];
  for (const [name, handler] of handlers)
    for (const kind of ['httpGet', 'tcpSocket'])
      if (text(record(record(handler)[kind])['host']) !== '')
        yield {
          path: `${at}.${name}.${kind}.host`,
          cause: 'must not be set: kubelet calls the pod itself',
          effect: 'is called by kubelet, from the host’s network',
        };
}

function* limitFaults(pod: Pod, { at, name, fields }: Container, allowed: Permissions): Faults {
  const { memory } = record(record(fields['resources'])['limits']);
  const { memory: ofPod } = record(record(pod.spec['resources'])['limits']);
  // Kubernetes takes 0 as no limit.
  const isLimited = [memory, ofPod].some((one) => one !== undefined && parseQuantity(one) !== 0);
  if (!isLimited && !allowed.unlimitedMemory.includes(name))
    yield excess(pod, {
      path: `${at}.resources.limits.memory`,
      cause: 'is missing: without a limit the container can take the memory of the whole node',
      need: `unlimitedMemory: [${name}]`,
      power: `container ${name} can take all memory`,
    });
}

/** Yields what the containers of a pod have and may not have. */
export function* containerFaults(pod: Pod, allowed: Permissions): Faults {
  yield* profileFaults(pod);
  for (const container of pod.containers) {
    yield* contextFaults(pod, container, allowed);
    yield* portFaults(pod, container, allowed);
    yield* handlerFaults(pod, container);
    yield* limitFaults(pod, container, allowed);
  }
}
