import { type Container, type Faults, list, type Pod, record, text } from './view.ts';

/**
 * Rules of what a pod says of itself and does not have: the API takes it, and kubelet never starts the container
 * (k8s.io/kubernetes/pkg/kubelet/kubelet_pods.go and container/helpers.go).
 */

/** The lists whose containers a reference may name; kubelet looks at no others (k8s.io/kubernetes/pkg/api/v1/resource). */
const named = ({ containers }: Pod): readonly string[] =>
  containers.filter(({ at }) => !at.startsWith('spec.ephemeral')).map(({ name }) => name);

function* containerFaults(path: string, reference: unknown, names: readonly string[]): Faults {
  const name = text(record(reference)['containerName']);
  if (name !== '' && !names.includes(name))
    yield {
      path: `${path}.resourceFieldRef.containerName`,
      cause: `is ${JSON.stringify(name)}, and the pod has only ${names.join(', ')}`,
    };
}

function* environmentFaults({ at, fields }: Container, names: readonly string[]): Faults {
  for (const [index, one] of list(fields['env']).entries()) {
    const from = record(record(one)['valueFrom']);
    yield* containerFaults(`${at}.env[${index}].valueFrom`, from['resourceFieldRef'], names);
  }
}

function* downwardFaults(at: string, items: unknown, names: readonly string[]): Faults {
  for (const [index, item] of list(items).entries())
    yield* containerFaults(`${at}.items[${index}]`, record(item)['resourceFieldRef'], names);
}

function* volumeFaults({ volumes }: Pod, names: readonly string[]): Faults {
  for (const { at, fields } of volumes) {
    yield* downwardFaults(`${at}.downwardAPI`, record(fields['downwardAPI'])['items'], names);
    for (const [index, source] of list(record(fields['projected'])['sources']).entries())
      yield* downwardFaults(
        `${at}.projected.sources[${index}].downwardAPI`,
        record(record(source)['downwardAPI'])['items'],
        names,
      );
  }
}

/** Returns the variables of an expression; `$$(A)` is none. */
const variablesOf = (expression: string): readonly string[] =>
  [...expression.matchAll(/\$\$|\$\(([^)]*)\)/g)].flatMap(([, name]) => name ?? []);

/** Yields paths with a variable that the container lacks. Kubelet itself sets those of the cluster's services. */
function* pathFaults({ at, fields }: Container): Faults {
  if (list(fields['envFrom']).length > 0) return;
  const known = list(fields['env']).map((one) => text(record(one)['name']));
  for (const [index, mount] of list(fields['volumeMounts']).entries())
    for (const name of variablesOf(text(record(mount)['subPathExpr'])))
      if (!known.includes(name) && !/_SERVICE_(?:HOST|PORT)/.test(name))
        yield {
          path: `${at}.volumeMounts[${index}].subPathExpr`,
          cause: `has the variable ${name}, which is not in env of the container`,
        };
}

/** Yields references to what the pod does not have. */
export function* referenceFaults(pod: Pod): Faults {
  const names = named(pod);
  yield* volumeFaults(pod, names);
  for (const container of pod.containers) {
    yield* environmentFaults(container, names);
    yield* pathFaults(container);
  }
}
