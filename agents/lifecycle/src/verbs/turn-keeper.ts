import type { Logger } from '@kios/agent';
import { ControlError } from '@kios/host-api';
import {
  type Action,
  activeTurn,
  type Annotations,
  type Defaults,
  type LeaseView,
  type NodePatch,
  type NodeView,
  type Peer,
  type PodView,
  REQUESTS,
  type Seen,
  step,
  type Step,
  TURN,
} from '@kios/node-turn';

import { Evictions } from '../core/eviction/evictions.ts';

/** Init needs as long for an orderly stop at most; asking again then changes nothing. */
const ASK_AGAIN_MS = 60_000;

/** The calls that a turn needs. */
export interface ClusterPort {
  annotations(): Promise<Annotations>;
  node(): Promise<NodeView>;
  lease(): Promise<LeaseView>;
  peers(): Promise<readonly Peer[]>;
  pods(): Promise<readonly PodView[]>;
  write(patch: NodePatch): Promise<boolean>;
  swap(lease: LeaseView): Promise<boolean>;
  evict(pod: PodView): Promise<'going' | 'refused'>;
}

export interface TurnPorts {
  readonly cluster: ClusterPort;
  readonly bootId: string;
  readonly ask: (action: Action) => Promise<void>;
  readonly now: () => number;
  readonly entropy: () => number;
  readonly log: Logger;
  readonly defaults: Defaults;
}

const isAsked = (annotations: Annotations): boolean =>
  Object.values(REQUESTS).some((key) => annotations[key] !== undefined) ||
  activeTurn(annotations[TURN]) !== undefined;

/**
 * Takes one step of this node's turn after another. What it remembers only saves calls: after a restart it looks again,
 * asks the host again and asks held pods at once.
 */
export class TurnKeeper {
  readonly #ports: TurnPorts;
  readonly #evictions = new Evictions();
  #asked: { readonly outcome: Seen['asked']; readonly at: number } = { outcome: 'never', at: 0 };
  #isFree = false;

  constructor(ports: TurnPorts) {
    this.#ports = ports;
  }

  /** Takes the next step. Returns whether another one follows soon. */
  async next(): Promise<boolean> {
    if (this.#isFree && !isAsked(await this.#ports.cluster.annotations())) return false;
    const next = await this.decide();
    await this.#perform(next);
    return next.tag !== 'rest';
  }

  /** Returns the next step, and changes nothing. */
  async decide(): Promise<Exclude<Step, { tag: 'look' }>> {
    const { cluster, bootId, now, defaults } = this.#ports;
    let seen: Seen = {
      now: now(),
      bootId,
      defaults,
      node: await cluster.node(),
      lease: undefined,
      peers: undefined,
      pods: undefined,
      blocked: this.#evictions.blocked,
      asked: this.#asked.outcome,
      isFree: this.#isFree,
    };
    for (;;) {
      const next = step(seen);
      if (next.tag !== 'look') {
        const { lease, node } = seen;
        const isBetween = activeTurn(node.annotations[TURN]) === undefined;
        if (isBetween && lease?.holders.includes(node.name) === false) this.#isFree = true;
        return next;
      }
      seen = { ...seen, ...(await this.#look(next.at)) };
    }
  }

  async #look(at: Extract<Step, { tag: 'look' }>['at']): Promise<Partial<Seen>> {
    const { cluster } = this.#ports;
    switch (at) {
      case 'lease':
        return { lease: await cluster.lease() };
      case 'peers':
        return { peers: await cluster.peers() };
      case 'pods':
        return { pods: await cluster.pods() };
    }
  }

  async #perform(next: Exclude<Step, { tag: 'look' }>): Promise<void> {
    switch (next.tag) {
      case 'rest':
        return;
      case 'write':
        return this.#write(next);
      case 'take':
      case 'leave':
        return this.#swap(next.tag, next.lease);
      case 'evict':
        await this.#report(next.report);
        return this.#evict(next.pods);
      case 'wait':
        return this.#report(next.report);
      case 'ask':
        return this.#ask(next.action);
    }
  }

  async #write({ ev, patch, turn }: Extract<Step, { tag: 'write' }>): Promise<void> {
    if (!(await this.#ports.cluster.write(patch))) return;
    const { action, phase, message, cordoned } = turn;
    const fields = { ev, action, phase, message, cordoned, console: true };
    if (phase === 'failed') this.#ports.log.warn(fields);
    else this.#ports.log.info(fields);
  }

  async #swap(tag: 'take' | 'leave', lease: LeaseView): Promise<void> {
    // Before the call: when its answer is lost, the place may be this node's all the same.
    this.#isFree = false;
    const isDone = await this.#ports.cluster.swap(lease);
    if (isDone) this.#ports.log.info({ ev: `place.${tag}`, holders: lease.holders });
  }

  /** A report that comes too late is written at the next step. */
  async #report(patch: NodePatch | undefined): Promise<void> {
    if (patch !== undefined) await this.#ports.cluster.write(patch);
  }

  async #evict(pods: readonly PodView[]): Promise<void> {
    const { cluster, now, entropy, log } = this.#ports;
    for (const pod of this.#evictions.due(pods, now())) {
      const name = `${pod.namespace}/${pod.name}`;
      if ((await cluster.evict(pod)) === 'going') log.info({ ev: 'pod.evicted', pod: name });
      else if (this.#evictions.refuse(pod.uid, now(), entropy()))
        log.info({ ev: 'pod.held', pod: name });
    }
  }

  async #ask(action: Action): Promise<void> {
    const { ask, now, log } = this.#ports;
    const { outcome, at } = this.#asked;
    if (outcome === 'taken' && now() - at < ASK_AGAIN_MS) return;
    try {
      await ask(action);
      this.#asked = { outcome: 'taken', at: now() };
      log.info({ ev: 'host.asked', action, console: true });
    } catch (err) {
      if (!(err instanceof ControlError)) throw err;
      if (outcome !== 'refused') log.error({ ev: 'host.refused', action, err });
      this.#asked = { outcome: 'refused', at: now() };
    }
  }
}
