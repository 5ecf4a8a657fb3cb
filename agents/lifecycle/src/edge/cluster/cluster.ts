import { describe } from '@kios/errors';
import { PodApi, type PodFault, type PodRequest } from '@kios/kube-api';
import {
  type Annotations,
  formatLeasePatch,
  formatNodePatch,
  LEASE_PATH,
  type LeaseView,
  leaseView,
  type NodePatch,
  type NodeView,
  nodeView,
  type Peer,
  peerOf,
  type PodView,
  podView,
} from '@kios/node-turn';
import * as v from 'valibot';

import type { Eviction } from '../../core/eviction/evictions.ts';
import { type LifecycleCode, LifecycleError } from '../../core/faults/errors.ts';
import type { Settings } from '../../core/settings/settings.ts';

/** The metadata of an object, without its status, which is most of a Node. */
const METADATA = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
/** Objects in one answer: a Node names up to fifty images, a pod has up to tens of kilobytes. */
const PAGE = 50;

const CODES = {
  api: 'KIOS_LIFECYCLE_API',
  setup: 'KIOS_LIFECYCLE_SETUP',
  untrusted: 'KIOS_LIFECYCLE_UNTRUSTED',
} as const satisfies Record<PodFault, LifecycleCode>;

const Page = v.object({
  items: v.nullish(v.array(v.unknown()), []),
  metadata: v.nullish(v.object({ continue: v.nullish(v.string(), '') })),
});
const Status = v.object({ message: v.string() });

function messageIn(body: string): string {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Status), body);
  return parsed.success ? parsed.output.message : body.slice(0, 200);
}

const denied = (what: string, status: number, body: string): string =>
  `${what}: the API server replies ${status}: ${messageIn(body)}`;

function refused(what: string, status: number, body: string): LifecycleError {
  const isSetup = [401, 403, 404].includes(status);
  const code = isSetup ? 'KIOS_LIFECYCLE_SETUP' : 'KIOS_LIFECYCLE_API';
  return new LifecycleError(code, denied(what, status, body));
}

/** Reads an answer; what is no such object is a fault of the server. */
function read<T>(what: string, body: string, parse: (object: unknown) => T): T {
  try {
    const object: unknown = JSON.parse(body);
    return parse(object);
  } catch (error) {
    throw new LifecycleError('KIOS_LIFECYCLE_API', `${what}: it is unreadable: ${describe(error)}`);
  }
}

const nodePath = (name: string): string => `/api/v1/nodes/${encodeURIComponent(name)}`;

/** The cluster as this node's agent sees it: its calls, each with a deadline and as the pod's service account. */
export class Cluster {
  readonly #settings: Settings;
  readonly #api: PodApi;

  constructor(settings: Settings, signal: AbortSignal) {
    this.#settings = settings;
    this.#api = new PodApi(
      settings,
      signal,
      (fault, message, options) => new LifecycleError(CODES[fault], message, options),
    );
  }

  async #ask(what: string, asked: PodRequest): Promise<string> {
    const { status, body } = await this.#api.send(asked);
    if (status !== 200) throw refused(what, status, body);
    return body;
  }

  /** Writes what was read before; false when it has changed since. */
  async #write(what: string, path: string, mergePatch: string): Promise<boolean> {
    const { status, body } = await this.#api.send({ path, mergePatch });
    if (status === 409) return false;
    if (status !== 200) throw refused(what, status, body);
    return true;
  }

  /** Reads a list page by page, so that of a large fleet only what counts is kept. */
  async #list<T>(what: string, path: string, parse: (object: unknown) => T): Promise<readonly T[]> {
    const found: T[] = [];
    let next = '';
    do {
      const query = next === '' ? '' : `&continue=${encodeURIComponent(next)}`;
      const separator = path.includes('?') ? '&' : '?';
      const body = await this.#ask(what, { path: `${path}${separator}limit=${PAGE}${query}` });
      next = read(what, body, (object) => {
        const { items, metadata } = v.parse(Page, object);
        found.push(...(items ?? []).map(parse));
        return metadata?.continue ?? '';
      });
    } while (next !== '');
    return found;
  }

  get #nodePath(): string {
    return nodePath(this.#settings.node);
  }

  /** Reads only the annotations, from the API server's memory: what every agent does all the time is cheap. */
  async annotations(): Promise<Annotations> {
    const asked = { path: `${this.#nodePath}?resourceVersion=0`, accept: METADATA };
    return read('read this Node', await this.#ask('read this Node', asked), nodeView).annotations;
  }

  async node(): Promise<NodeView> {
    const body = await this.#ask('read this Node', { path: this.#nodePath });
    return read('read this Node', body, nodeView);
  }

  async lease(): Promise<LeaseView> {
    const body = await this.#ask('read the Lease', { path: LEASE_PATH });
    return read('read the Lease', body, leaseView);
  }

  /** Reads some Nodes; those that are gone are left out. */
  async nodes(names: readonly string[]): Promise<readonly Peer[]> {
    const found: Peer[] = [];
    for (const name of names) {
      const what = `read the Node ${name}`;
      const { status, body } = await this.#api.send({ path: nodePath(name) });
      if (status === 404) continue;
      if (status !== 200) throw refused(what, status, body);
      found.push(read(what, body, (object) => peerOf(nodeView(object))));
    }
    return found;
  }

  async peers(): Promise<readonly Peer[]> {
    return this.#list('list the Nodes', '/api/v1/nodes', (object) => peerOf(nodeView(object)));
  }

  async pods(): Promise<readonly PodView[]> {
    const selector = encodeURIComponent(`spec.nodeName=${this.#settings.node}`);
    return this.#list('list the pods', `/api/v1/pods?fieldSelector=${selector}`, podView);
  }

  async write(patch: NodePatch): Promise<boolean> {
    return this.#write('change this Node', this.#nodePath, formatNodePatch(patch));
  }

  async swap(lease: LeaseView): Promise<boolean> {
    return this.#write('change the Lease', LEASE_PATH, formatLeasePatch(lease));
  }

  /** Asks a pod to go; only this one, not one that has got its name meanwhile. */
  async evict({ namespace, name, uid }: PodView): Promise<Eviction> {
    const { status, body } = await this.#api.send({
      path: `/api/v1/namespaces/${namespace}/pods/${name}/eviction`,
      body: JSON.stringify({
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { namespace, name },
        deleteOptions: { preconditions: { uid } },
      }),
    });
    // Gone, or another pod of that name.
    if (status < 300 || status === 404 || status === 409) return 'going';
    // A budget (429), several budgets of one pod (500), or a namespace that is being removed. The other pods go on.
    if (status === 429 || status >= 500 || body.includes('NamespaceTerminating')) return 'refused';
    const message = denied(`evict ${namespace}/${name}`, status, body);
    return new LifecycleError('KIOS_LIFECYCLE_EVICT', message);
  }
}
