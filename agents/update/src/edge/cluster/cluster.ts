import { describe } from '@kios/errors';
import { PodApi, type PodFault, type PodRequest } from '@kios/kube-api';
import { formatNodePatch, type NodePatch, type NodeView, nodeView } from '@kios/node-turn';
import * as v from 'valibot';

import { type UpdateCode, UpdateError } from '../../core/faults/errors.ts';
import type { Settings } from '../../core/settings/settings.ts';

/** The metadata of an object, without its status, which is most of a Node. */
const METADATA = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';

const CODES = {
  api: 'KIOS_UPDATE_API',
  setup: 'KIOS_UPDATE_SETUP',
  untrusted: 'KIOS_UPDATE_UNTRUSTED',
} as const satisfies Record<PodFault, UpdateCode>;

const Version = v.object({ gitVersion: v.string() });
const versionIn = (object: unknown): string => v.parse(Version, object).gitVersion;

function refused(what: string, status: number, body: string): UpdateError {
  const code = [401, 403, 404].includes(status) ? 'KIOS_UPDATE_SETUP' : 'KIOS_UPDATE_API';
  const why = body.replaceAll(/\s+/g, ' ').slice(0, 200);
  return new UpdateError(code, `${what}: the API server replies ${status}: ${why}`);
}

/** The cluster as this agent sees it: its own Node, and the version of the API server. */
export class Cluster {
  readonly #api: PodApi;
  readonly #path: string;

  constructor(settings: Settings, signal: AbortSignal) {
    this.#path = `/api/v1/nodes/${encodeURIComponent(settings.node)}`;
    this.#api = new PodApi(
      settings,
      signal,
      (fault, message, options) => new UpdateError(CODES[fault], message, options),
    );
  }

  async #read<T>(what: string, asked: PodRequest, parse: (object: unknown) => T): Promise<T> {
    const { status, body } = await this.#api.send(asked);
    if (status !== 200) throw refused(what, status, body);
    try {
      const object: unknown = JSON.parse(body);
      return parse(object);
    } catch (error) {
      throw new UpdateError('KIOS_UPDATE_API', `${what}: it is unreadable: ${describe(error)}`);
    }
  }

  /** Reads the metadata of this Node, from the API server's memory. */
  async node(): Promise<NodeView> {
    const asked = { path: `${this.#path}?resourceVersion=0`, accept: METADATA };
    return this.#read('read this Node', asked, nodeView);
  }

  /** Writes annotations of the Node as it was read; false when it has changed since. */
  async write(patch: NodePatch): Promise<boolean> {
    const asked = { path: this.#path, mergePatch: formatNodePatch(patch), accept: METADATA };
    const { status, body } = await this.#api.send(asked);
    if (status === 409) return false;
    if (status !== 200) throw refused('change this Node', status, body);
    return true;
  }

  async version(): Promise<string> {
    return this.#read('read the version of the API server', { path: '/version' }, versionIn);
  }
}
