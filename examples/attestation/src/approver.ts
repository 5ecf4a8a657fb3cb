import type { V1CertificateSigningRequest } from '@kubernetes/client-node';

import type { Requests } from './cluster.ts';
import { decide, type Decision, isApprovedByOthers } from './decide.ts';
import { type Lists, readKnown } from './known.ts';

const OTHERS_REMEDY =
  'Delete the ClusterRoleBinding kubeadm:node-autoapprove-bootstrap: the cluster gives certificates to nodes that have proved nothing.';

/** Writes one line. */
export type Log = (ev: string, fields: object) => void;

/** Decides on the requests of nodes that join. */
export class Approver {
  readonly #lists: Lists;
  readonly #requests: Requests;
  readonly #log: Log;
  /** Requests of which was told that others approved them. */
  readonly #told = new Set<string>();

  constructor(lists: Lists, requests: Requests, log: Log) {
    this.#lists = lists;
    this.#requests = requests;
    this.#log = log;
  }

  /**
   * Looks once at all requests. The lists are read first: without them nothing is decided. Rejects with the last fault
   * of a request, when all others are decided.
   */
  async pass(): Promise<void> {
    const known = await readKnown(this.#lists);
    let fault: unknown;
    for (const request of await this.#requests.list()) {
      try {
        const decision = decide(request, known);
        if (decision !== undefined) await this.#settle(request, decision);
        else this.#watchOthers(request);
      } catch (error) {
        fault = error;
      }
    }
    if (fault instanceof Error) throw fault;
  }

  async #settle(request: V1CertificateSigningRequest, decision: Decision): Promise<void> {
    await this.#requests.settle(request, decision);
    const { fault, ...rest } = decision;
    const fields = { request: request.metadata?.name, ...rest };
    if (fault === undefined) this.#log('approved', fields);
    else this.#log('denied', { ...fields, why: fault });
  }

  #watchOthers(request: V1CertificateSigningRequest): void {
    const name = request.metadata?.name ?? '';
    if (!isApprovedByOthers(request) || this.#told.has(name)) return;
    this.#told.add(name);
    this.#log('approved.by-others', { request: name, remedy: OTHERS_REMEDY });
  }
}
