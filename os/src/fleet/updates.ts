import { EXIT, KiosError } from '@kios/errors';
import { type NodeView, parseTurn, parseUpdate, TURN, UPDATE, type Update } from '@kios/node-turn';
import * as v from 'valibot';

import type { Cluster } from './cluster.ts';
import { MAX_BYTES, refused } from './nodes.ts';

/** The object that says which system the nodes are to run: examples/update. */
const NAME = 'kios-update';
const PATH = `/apis/apps/v1/namespaces/kube-system/daemonsets/${NAME}`;
const PODS = `/api/v1/namespaces/kube-system/pods?labelSelector=app.kubernetes.io%2Fname%3D${NAME}`;
/** Volume of the pod that is the system. */
const VOLUME = 'os';

const Terms = v.array(
  v.object({ matchFields: v.optional(v.array(v.object({ key: v.string() }))) }),
);
const DaemonSet = v.object({
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
const Pods = v.object({
  items: v.nullish(
    v.array(v.object({ spec: v.object({ nodeName: v.nullish(v.string(), '') }) })),
    [],
  ),
});

/** What the cluster's nodes are to run now. */
export interface Wish {
  /** The reference of the system. */
  readonly image: string;
  readonly container: string;
  /** It is for some nodes alone, as an order for these has left it. */
  readonly isForSome: boolean;
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

/** Whether an order for some nodes has left its affinity, which has a form that people hardly write. */
function isForSomeNodes({ affinity }: PodSpec): boolean {
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const keys = required?.nodeSelectorTerms.flatMap(({ matchFields = [] }) => matchFields);
  return keys?.some(({ key }) => key === 'metadata.name') ?? false;
}

/** Reads which system the nodes are to run. */
export async function readWish(cluster: Cluster): Promise<Wish> {
  const reply = await cluster.ask({ path: PATH, maxBytes: MAX_BYTES });
  if (reply.status === 404) throw absent(`the cluster has no DaemonSet ${NAME} in kube-system`);
  if (reply.status !== 200) throw refused(`read the DaemonSet ${NAME}`, reply);
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), DaemonSet), reply.body);
  if (!parsed.success) throw absent(`the DaemonSet ${NAME} is not that of examples/update`);
  const { spec } = parsed.output.spec.template;
  const image = spec.volumes?.find(({ name }) => name === VOLUME)?.image?.reference ?? '';
  if (image === '') throw absent(`the DaemonSet ${NAME} has no image as its volume ${VOLUME}`);
  return { image, container: spec.containers[0].name, isForSome: isForSomeNodes(spec) };
}

/** Returns the affinity of pods that are for these nodes alone; undefined leaves what a person has chosen. */
function affinityFor(nodes: readonly string[], { isForSome }: Wish): object | null | undefined {
  if (nodes.length === 0) return isForSome ? null : undefined;
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
  const patch = orderPatch(order, wish);
  const reply = await cluster.ask({ path: PATH, maxBytes: MAX_BYTES, patch });
  if (reply.status !== 200) throw refused(`change the DaemonSet ${NAME}`, reply);
}

/** Reads the names of the nodes on which the agents run. */
export async function updatedNodes(cluster: Cluster): Promise<readonly string[]> {
  const reply = await cluster.ask({ path: PODS, maxBytes: MAX_BYTES });
  if (reply.status !== 200) throw refused('list the pods of the update agents', reply);
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Pods), reply.body);
  if (!parsed.success) throw refused('list the pods of the update agents', reply);
  const names = (parsed.output.items ?? []).map(({ spec }) => spec.nodeName ?? '');
  return [...new Set(names)].filter((name) => name !== '').toSorted();
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

/** What a node waits for whose system is staged. */
function ofTurn({ annotations }: NodeView, version: string): Standing {
  const turn = parseTurn(annotations[TURN]);
  const isAbout = turn !== undefined && turn.phase !== 'done';
  const why = isAbout ? (turn.message ?? turn.phase) : 'waits for its turn';
  return open(`kiOS ${version} is staged: ${why}`);
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
      return ofTurn(node, version);
    case 'trial':
      return open(`kiOS ${version} runs on trial`);
    case 'current':
      return { tag: 'done', says: `runs kiOS ${version}` };
    case 'failed':
      return { tag: 'failed', says: message ?? 'it came back' };
  }
}
