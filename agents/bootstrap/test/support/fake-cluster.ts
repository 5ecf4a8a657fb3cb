import { BootstrapError } from '../../src/core/faults/errors.ts';
import type { ApiAnswer, ApiRequest, ApiServer } from '../../src/edge/cluster/api-server.ts';
import { CA_A } from './fixtures.ts';

export const NODE = '/api/v1/nodes/node-1';
export const INFO = '/api/v1/namespaces/kube-public/configmaps/cluster-info';

/** Returns the answer with a Node that has these conditions. */
export const nodeWith = (...conditions: readonly object[]): ApiAnswer => ({
  status: 200,
  body: JSON.stringify({ status: { conditions } }),
});
export const READY = nodeWith({ type: 'Ready', status: 'True' });

/** An API server that says yes to everything, and whose certificate is signed by one CA. */
export class FakeCluster {
  readonly asked: ApiRequest[] = [];
  /** The addresses at which it was looked for. */
  readonly opened: string[] = [];
  /** The CA that verifies it; undefined when any does. */
  ca: string | undefined = CA_A;
  isDown = false;
  /** How each connection ends, if set. */
  fault: Error | undefined;
  /** Its answers by prefix of the path; 200 and `{}` for any other. */
  answers: Record<string, ApiAnswer> = {};

  readonly api: ApiServer = {
    get: async (wanted) => {
      this.asked.push(wanted);
      if (this.fault !== undefined) throw this.fault;
      if (this.isDown) throw new BootstrapError('KIOS_BOOTSTRAP_UNREACHABLE', 'reach it');
      if (this.ca !== undefined && wanted.ca?.includes(this.ca) === false)
        throw new BootstrapError('KIOS_BOOTSTRAP_UNTRUSTED', 'verify it');
      const found = Object.entries(this.answers).find(([start]) => wanted.path.startsWith(start));
      return Promise.resolve(found?.[1] ?? { status: 200, body: '{}' });
    },
  };

  open(endpoint: string): ApiServer {
    this.opened.push(endpoint);
    return this.api;
  }

  /** The bodies sent to a path by PATCH. */
  patches(path: string): readonly string[] {
    const sent = this.asked.filter((wanted) => wanted.path === path);
    return sent.map(({ patch }) => patch).filter((patch) => patch !== undefined);
  }
}
