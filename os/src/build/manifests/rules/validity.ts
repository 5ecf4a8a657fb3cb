import { parseQuantity } from './quantity.ts';
import { type Container, type Faults, type Json, list, type Pod, record, text } from './view.ts';

/**
 * What kubelet refuses in a pod of the right form (ValidatePodCreate in k8s.io/kubernetes/pkg/apis/core/validation). It
 * says so with one line in its log, and the pod never appears. These are the faults that people make, not all.
 */

const LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const SUBDOMAIN =
  /^(?=.{1,253}$)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const IS_LABEL = 'lower-case letters, digits and -, at most 63 characters';
const IS_SUBDOMAIN = 'lower-case letters, digits, - and ., at most 253 characters';

const CHOICES = {
  restartPolicy: ['Always', 'OnFailure', 'Never'],
  dnsPolicy: ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'],
  imagePullPolicy: ['Always', 'IfNotPresent', 'Never'],
  terminationMessagePolicy: ['File', 'FallbackToLogsOnError'],
  protocol: ['TCP', 'UDP', 'SCTP'],
  mountPropagation: ['None', 'HostToContainer', 'Bidirectional'],
} as const;

function* choiceFaults(at: string, fields: Json, names: readonly (keyof typeof CHOICES)[]): Faults {
  for (const name of names) {
    const value = fields[name];
    const choices: readonly unknown[] = CHOICES[name];
    if (value !== undefined && !choices.includes(value))
      yield {
        path: `${at}.${name}`,
        cause: `is ${text(value)}, must be one of ${choices.join(', ')}`,
      };
  }
}

function* nameFaults(path: string, name: unknown, pattern: RegExp, meaning: string): Faults {
  if (typeof name !== 'string') yield { path, cause: 'is missing' };
  else if (!pattern.test(name))
    yield { path, cause: `is ${JSON.stringify(name)}, must be ${meaning}` };
}

/** Yields names that an earlier one of the list has. */
function* twinFaults(named: readonly { readonly at: string; readonly name: string }[]): Faults {
  const taken = new Map<string, string>();
  for (const { at, name } of named) {
    const first = taken.get(name);
    if (first !== undefined)
      yield { path: `${at}.name`, cause: `${first} has the name ${name} already` };
    else if (name !== '') taken.set(name, at);
  }
}

function* portFaults({ at, fields }: Container, spec: Json): Faults {
  for (const [index, value] of list(fields['ports']).entries()) {
    const port = record(value);
    const place = `${at}.ports[${index}]`;
    for (const name of ['containerPort', 'hostPort']) {
      const number = port[name];
      if (typeof number === 'number' && (number < 1 || number > 65_535))
        yield { path: `${place}.${name}`, cause: `is ${number}, must be from 1 to 65535` };
    }
    const { hostPort, containerPort } = port;
    if (spec['hostNetwork'] === true && hostPort !== undefined && hostPort !== containerPort)
      yield { path: `${place}.hostPort`, cause: 'must equal containerPort in the host’s network' };
    yield* choiceFaults(place, port, ['protocol']);
  }
}

function* resourceFaults({ at, fields }: Container): Faults {
  const resources = record(fields['resources']);
  const [requests, limits] = [record(resources['requests']), record(resources['limits'])];
  for (const [kind, amounts] of Object.entries({ requests, limits }))
    for (const [name, amount] of Object.entries(amounts)) {
      const value = parseQuantity(amount);
      const path = `${at}.resources.${kind}.${name}`;
      if (value === undefined)
        yield { path, cause: `is ${JSON.stringify(amount)}, must be a quantity such as 128Mi` };
      else if (kind === 'limits' && value < (parseQuantity(requests[name]) ?? 0))
        yield { path, cause: 'is less than the request' };
    }
}

function* mountFaults({ at, fields }: Container, { volumes }: Pod): Faults {
  const paths = new Set<string>();
  for (const [index, value] of list(fields['volumeMounts']).entries()) {
    const mount = record(value);
    const place = `${at}.volumeMounts[${index}]`;
    const where = text(mount['mountPath']);
    if (!volumes.some(({ name }) => name === mount['name']))
      yield {
        path: `${place}.name`,
        cause: `is ${text(mount['name'])}, which is no volume of the pod`,
      };
    if (!where.startsWith('/'))
      yield { path: `${place}.mountPath`, cause: `is ${JSON.stringify(where)}, must begin with /` };
    if (paths.has(where))
      yield { path: `${place}.mountPath`, cause: `${where} has another mount already` };
    paths.add(where);
    yield* choiceFaults(place, mount, ['mountPropagation']);
  }
}

/** Yields what keeps kubelet from taking a pod that the schema allows. */
export function* validityFaults(pod: Pod): Faults {
  const { metadata, spec, containers, volumes } = pod;
  yield* nameFaults('metadata.name', metadata['name'], SUBDOMAIN, IS_SUBDOMAIN);
  if (metadata['namespace'] !== undefined)
    yield* nameFaults('metadata.namespace', metadata['namespace'], LABEL, IS_LABEL);
  yield* choiceFaults('spec', spec, ['restartPolicy', 'dnsPolicy']);
  if (Array.isArray(spec['containers']) && spec['containers'].length === 0)
    yield { path: 'spec.containers', cause: 'is empty' };
  for (const container of containers) {
    const { at, name, fields } = container;
    if (name !== '') yield* nameFaults(`${at}.name`, name, LABEL, IS_LABEL);
    yield* choiceFaults(at, fields, ['imagePullPolicy', 'terminationMessagePolicy']);
    yield* portFaults(container, spec);
    yield* resourceFaults(container);
    yield* mountFaults(container, pod);
  }
  for (const { at, name } of volumes) yield* nameFaults(`${at}.name`, name, LABEL, IS_LABEL);
  yield* twinFaults(containers);
  yield* twinFaults(volumes);
}
