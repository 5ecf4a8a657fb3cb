import { EXIT, KiosError } from '@kios/errors';
import {
  activeTurn,
  type NodeView,
  parseTurn,
  parseUpdate,
  REQUESTS,
  TURN,
  UPDATE,
  type Update,
  updateIn,
} from '@kios/node-turn';
import * as v from 'valibot';

import type { Cluster } from './cluster.ts';
import { MAX_BYTES, readList, refused } from './nodes.ts';

/** The object that says which system the nodes are to run: examples/update. */
const NAME = 'kios-update';
const PATH = `/apis/apps/v1/namespaces/kube-system/daemonsets/${NAME}`;
const PODS = `/api/v1/namespaces/kube-system/pods?limit=100&labelSelector=app.kubernetes.io%2Fname%3D${NAME}`;
/** Volume of the pod that is the system. */
const VOLUME = 'os';

const Terms = v.array(
  v.object({ matchFields: v.optional(v.array(v.object({ key: v.string() }))) }),
);
const DaemonSet = v.object({
  metadata: v.nullish(v.object({ generation: v.nullish(v.number(), 0) })),
  status: v.nullish(
    v.object({
      observedGeneration: v.nullish(v.number(), 0),
      desiredNumberScheduled: v.nullish(v.number(), 0),
    }),
  ),
  spec: v.object({
    template: v.object({
      spec: v.object({
        affinity: v.nullish(
          v.object({
            nodeAffinity: v.nullish(
              v.object({
                requiredDuringSchedulingIgnoredDuringExecution: v.nullish(
                  v.object({ nodeSelectorTerms: Terms }),
                ),
              }),
            ),
          }),
        ),
        containers: v.tupleWithRest([v.object({ name: v.string() })], v.unknown()),
        volumes: v.nullish(
          v.array(
            v.object({
              name: v.string(),
              image: v.nullish(v.object({ reference: v.nullish(v.string(), '') })),
            }),
          ),
        ),
      }),
    }),
  }),
});
const Pod = v.object({ spec: v.object({ nodeName: v.nullish(v.string(), '') }) });

/** What the cluster's nodes are to run now. */
export interface Wish {
  /** The reference of the system. */
  readonly image: string;
  readonly container: string;
  /** Who chooses the nodes by an affinity: a person, or an order for some nodes alone, which has left it. */
  readonly chosenBy: 'nobody' | 'person' | 'order';
}

/** What a person orders. */
export interface UpdateOrder {
  readonly id: string;
  readonly image: string;
  /** None: all nodes on which the agents run. */
  readonly nodes: readonly string[];
  /** Nodes that may be away at once; 0: what the agents that reboot say. */
  readonly maxUnavailable: number;
}

function absent(why: string): KiosError {
  return new KiosError('KIOS_UPGRADE_AGENT', `find the update agents: ${why}`, {
    exitCode: EXIT.unavailable,
    remedy: 'Install them: docs/update.md.',
  });
}

type PodSpec = v.InferOutput<typeof DaemonSet>['spec']['template']['spec'];

/** An order for some nodes leaves an affinity of a form that people hardly write. */
function chosenBy({ affinity }: PodSpec): Wish['chosenBy'] {
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (required === undefined || required === null) return 'nobody';
  const keys = required.nodeSelectorTerms.flatMap(({ matchFields = [] }) => matchFields);
  return keys.some(({ key }) => key === 'metadata.name') ? 'order' : 'person';
}

async function readDaemonSet(cluster: Cluster): Promise<v.InferOutput<typeof DaemonSet>> {
  const reply = await cluster.ask({ path: PATH, maxBytes: MAX_BYTES });
  if (reply.status === 404) throw absent(`the cluster has no DaemonSet ${NAME} in kube-system`);
  if (reply.status !== 200) throw refused(`read the DaemonSet ${NAME}`, reply);
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), DaemonSet), reply.body);
  if (!parsed.success) throw absent(`the DaemonSet ${NAME} is not that of examples/update`);
  return parsed.output;
}

/** Reads which system the nodes are to run. */
export async function readWish(cluster: Cluster): Promise<Wish> {
  const { spec } = (await readDaemonSet(cluster)).spec.template;
  const image = spec.volumes?.find(({ name }) => name === VOLUME)?.image?.reference ?? '';
  if (image === '') throw absent(`the DaemonSet ${NAME} has no image as its volume ${VOLUME}`);
  return { image, container: spec.containers[0].name, chosenBy: chosenBy(spec) };
}

/** Fails when an order for some nodes alone would leave others without an agent in the middle of an update. */
export function requireOthersIdle(nodes: readonly string[], all: readonly NodeView[]): void {
  const others = all.filter(({ name }) => !nodes.includes(name));
  const between = others.find(({ annotations }) =>
    [annotations[REQUESTS.reboot], activeTurn(annotations[TURN])?.request].some(
      (request) => request !== undefined && updateIn(request) !== undefined,
    ),
  );
  if (between === undefined) return;
  const { name } = between;
  throw new KiosError(
    'KIOS_TURN_BUSY',
    `order for ${nodes.join(', ')} alone: ${name} is in the middle of an update, and would lose its agent`,
    {
      exitCode: EXIT.unavailable,
      remedy:
        'Wait for it, or order for all nodes first: the system that they ran before ends the update.',
    },
  );
}

/** Returns the affinity of pods that are for these nodes alone; undefined leaves what a person has chosen. */
function affinityFor(nodes: readonly string[], { chosenBy: who }: Wish): object | null | undefined {
  if (nodes.length === 0) return who === 'order' ? null : undefined;
  const nodeSelectorTerms = nodes.map((name) => ({
    matchFields: [{ key: 'metadata.name', operator: 'In', values: [name] }],
  }));
  return {
    nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } },
  };
}

/** Returns the strategic merge patch of the DaemonSet that carries out an order. */
export function orderPatch({ id, image, nodes, maxUnavailable }: UpdateOrder, wish: Wish): string {
  const affinity = affinityFor(nodes, wish);
  const variables = { KIOS_UPDATE_MAX_UNAVAILABLE: String(maxUnavailable) };
  const env = Object.entries(variables).map(([name, value]) => ({ name, value }));
  return JSON.stringify({
    spec: {
      template: {
        metadata: { annotations: { 'kios.dev/order': id } },
        spec: {
          ...(affinity === undefined ? {} : { affinity }),
          containers: [{ name: wish.container, env }],
          volumes: [{ name: VOLUME, image: { reference: image } }],
        },
      },
    },
  });
}

/** Makes the nodes of a cluster run another system. */
export async function placeOrder(cluster: Cluster, order: UpdateOrder, wish: Wish): Promise<void> {
  // It would be lost, and the next order for all would run on nodes that are not of kiOS.
  if (order.nodes.length > 0 && wish.chosenBy === 'person')
    throw new KiosError(
      'KIOS_UPGRADE_AGENT',
      `order for some nodes alone: the DaemonSet ${NAME} has a node affinity of its own`,
      { exitCode: EXIT.unavailable, remedy: 'Choose the nodes of kiOS by a nodeSelector instead.' },
    );
  const patch = orderPatch(order, wish);
  const reply = await cluster.ask({ path: PATH, maxBytes: MAX_BYTES, patch });
  if (reply.status !== 200) throw refused(`change the DaemonSet ${NAME}`, reply);
}

/** The nodes on which the agents run. */
export interface Updated {
  readonly names: readonly string[];
  /** None of them lacks its pod, as it does between the end of one and the start of the next. */
  readonly isWhole: boolean;
}

/** Reads on which nodes the agents run. */
export async function updatedNodes(cluster: Cluster): Promise<Updated> {
  const { metadata, status } = await readDaemonSet(cluster);
  const pods = await readList(cluster, {
    what: 'list the pods of the update agents',
    path: PODS,
    parse: (item) => v.parse(Pod, item).spec.nodeName ?? '',
  });
  const names = [...new Set(pods)].filter((name) => name !== '').toSorted();
  const isSeen = (status?.observedGeneration ?? 0) >= (metadata?.generation ?? 0);
  return { names, isWhole: isSeen && names.length >= (status?.desiredNumberScheduled ?? 0) };
}

/** How a node stands to an order. */
export interface Standing {
  readonly tag: 'open' | 'done' | 'failed';
  readonly says: string;
}

const open = (says: string): Standing => ({ tag: 'open', says });

/** What passes by itself, or what the agent tries again. */
const PASSING = ['KIOS_UPDATE_TRIAL', 'KIOS_UPDATE_ESP'];

function ofRefusal({ code = '', message = 'it refuses' }: Update): Standing {
  const says = `${message} [${code}]`;
  return PASSING.includes(code) ? open(says) : { tag: 'failed', says };
}

/** What a node waits for whose system is staged. Its turn may be one of before, for another system. */
function ofTurn({ annotations }: NodeView, { version, digest }: Update): Standing {
  const turn = parseTurn(annotations[TURN]);
  const isOfOther = turn === undefined || ![undefined, digest].includes(updateIn(turn.request));
  if (isOfOther || turn.phase === 'done')
    return open(`kiOS ${version} is staged: waits for its turn`);
  const why = turn.message ?? turn.phase;
  return turn.isUnjudged === true
    ? { tag: 'failed', says: why }
    : open(`kiOS ${version} is staged: ${why}`);
}

/** Returns how a node stands to an order, by its annotations alone. */
export function standingOf(node: NodeView, order: string): Standing {
  const update = parseUpdate(node.annotations[UPDATE]);
  if (update?.order !== order) return open('its agent has not answered yet');
  const { state, version, message } = update;
  switch (state) {
    case 'refused':
      return ofRefusal(update);
    case 'staging':
      return open(`kiOS ${version} is written to its medium`);
    case 'staged':
      return ofTurn(node, update);
    case 'trial':
      return open(`kiOS ${version} runs on trial`);
    case 'current':
      return { tag: 'done', says: `runs kiOS ${version}` };
    case 'failed':
      return { tag: 'failed', says: message ?? 'it came back' };
  }
}
