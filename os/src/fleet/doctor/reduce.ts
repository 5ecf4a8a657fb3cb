const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const recordOf = (value: unknown): Record<string, unknown> => (isRecord(value) ? value : {});
const itemsOf = (list: unknown): unknown[] => {
  const { items } = recordOf(list);
  return Array.isArray(items) ? items : [];
};
const pick = (value: unknown, ...names: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(Object.entries(recordOf(value)).filter(([name]) => names.includes(name)));

const MIRROR = 'kubernetes.io/config.mirror';
const SOURCE = 'kubernetes.io/config.source';

/** Whether a pod is one of the node's own: a static pod of kube-system, as the API or kubelet shows it. */
export function isOwnPod(pod: unknown): boolean {
  const { namespace, annotations } = recordOf(recordOf(pod)['metadata']);
  const notes = recordOf(annotations);
  const isStatic = MIRROR in notes || notes[SOURCE] === 'file';
  return namespace === 'kube-system' && isStatic;
}

const stateOf = (state: unknown): Record<string, unknown> =>
  Object.fromEntries(
    // Not the message, which is a program's own words.
    Object.entries(recordOf(state)).map(([name, value]) => [
      name,
      pick(value, 'reason', 'exitCode', 'signal', 'startedAt', 'finishedAt'),
    ]),
  );

const statusOf = (status: unknown): Record<string, unknown> => ({
  ...pick(status, 'name', 'image', 'ready', 'restartCount'),
  state: stateOf(recordOf(status)['state']),
  lastState: stateOf(recordOf(status)['lastState']),
});

const statusesOf = (statuses: unknown): unknown[] =>
  Array.isArray(statuses) ? statuses.map(statusOf) : [];

/** Of pods that belong to the cluster's users only what they are and how they fare: the rest is theirs. */
function reducePod(pod: unknown): unknown {
  if (isOwnPod(pod)) return pod;
  const { metadata, status } = recordOf(pod);
  const { initContainerStatuses, containerStatuses } = recordOf(status);
  return {
    metadata: pick(metadata, 'namespace', 'name', 'creationTimestamp'),
    status: {
      ...pick(status, 'phase', 'reason', 'qosClass', 'startTime'),
      initContainerStatuses: statusesOf(initContainerStatuses),
      containerStatuses: statusesOf(containerStatuses),
    },
  };
}

export const reducePods = (list: unknown): unknown => ({ items: itemsOf(list).map(reducePod) });

export const reduceEvents = (list: unknown): unknown => ({
  items: itemsOf(list).map((event) => ({
    ...pick(event, 'type', 'reason', 'message', 'count', 'firstTimestamp', 'lastTimestamp', 'eventTime'), // prettier-ignore
    involvedObject: pick(recordOf(event)['involvedObject'], 'kind', 'namespace', 'name'),
  })),
});

/** The requests of one node for certificates, without what they ask for. */
export const reduceRequests =
  (node: string) =>
  (list: unknown): unknown => ({
    items: itemsOf(list).flatMap((request) => {
      const { metadata, spec, status } = recordOf(request);
      const { username, request: encoded } = recordOf(spec);
      const asked = typeof encoded === 'string' ? Buffer.from(encoded, 'base64').toString() : '';
      // A PKCS #10 request in PEM is base64 again.
      const der = Buffer.from(asked.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64').toString(
        'latin1',
      );
      const own = `system:node:${node}`;
      // In DER a string stands behind its length, so that `node-1` is not found in `node-10`.
      const isOwn = username === own || der.includes(String.fromCharCode(own.length & 0xff) + own);
      return isOwn
        ? [
            {
              metadata: pick(metadata, 'name', 'creationTimestamp'),
              spec: pick(spec, 'signerName', 'username', 'usages'),
              status: pick(status, 'conditions'),
            },
          ]
        : [];
    }),
  });

/** What kubelet measures of the node itself. */
export const reduceStats = (summary: unknown): unknown => pick(summary, 'node');
