import { faultText } from '../../build/manifests/fault.ts';
import { parseManifest } from '../../build/manifests/parse.ts';
import {
  type Container,
  list,
  type Pod,
  record,
  text,
  viewOf,
  type Volume,
} from '../../build/manifests/rules/view.ts';
import { sha256 } from '../../workstation/digest.ts';
import type { InspectedContainer, InspectedMount, InspectedPod } from './model.ts';

/** Returns the host's path of a volume, or its kind, such as `emptyDir`. */
function sourceOf(volume: Volume | undefined): string {
  const path = text(record(volume?.fields['hostPath'])['path']);
  if (path !== '') return path;
  const kind = Object.keys(volume?.fields ?? {}).find((field) => field !== 'name');
  return kind ?? 'no volume';
}

function mountsOf(container: Container, volumes: readonly Volume[]): InspectedMount[] {
  return list(container.fields['volumeMounts']).map((value) => {
    const mount = record(value);
    return {
      from: sourceOf(volumes.find(({ name }) => name === text(mount['name']))),
      to: text(mount['mountPath']),
      readOnly: mount['readOnly'] === true,
    };
  });
}

function containerOf(container: Container, pod: Pod): InspectedContainer {
  const { fields, securityContext } = container;
  const user = securityContext['runAsUser'] ?? pod.securityContext['runAsUser'];
  const memory = text(record(record(fields['resources'])['limits'])['memory']);
  return {
    name: container.name,
    image: text(fields['image']),
    isInit: container.at.startsWith('spec.initContainers'),
    capabilities: list(record(securityContext['capabilities'])['add']).map(text),
    privileged: securityContext['privileged'] === true,
    ...(typeof user === 'number' ? { user } : {}),
    readOnlyRoot: securityContext['readOnlyRootFilesystem'] === true,
    ...(memory === '' ? {} : { memory }),
    mounts: mountsOf(container, pod.volumes),
  };
}

const HOST = { hostNetwork: 'network', hostPID: 'PID', hostIPC: 'IPC' } as const;

/** Describes the pod of a manifest. Throws when the file holds none. */
export function describePod(file: string, bytes: Buffer): InspectedPod {
  const parsed = parseManifest(bytes.toString('utf8'));
  if (parsed.faults !== undefined) {
    const faults = parsed.faults.map(faultText);
    throw new Error(`${file}: ${faults.join('; ')}`);
  }
  const pod = viewOf(record(parsed.value));
  return {
    file,
    key: pod.key,
    uid: text(pod.metadata['uid']),
    sha256: sha256(bytes),
    host: Object.entries(HOST).flatMap(([field, name]) => (pod.spec[field] === true ? [name] : [])),
    containers: pod.containers.map((container) => containerOf(container, pod)),
  };
}
