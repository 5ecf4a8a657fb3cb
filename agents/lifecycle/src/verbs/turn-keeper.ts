import type { Logger } from '@kios/agent';
import { ControlError } from '@kios/host-api';
import {
  type Action,
  activeTurn,
  type Annotations,
  type Defaults,
  type LeaseView,
  type Look,
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

import { type Eviction, Evictions } from '../core/eviction/evictions.ts';
import type { LifecycleError } from '../core/faults/errors.ts';

/** Init needs as long for an orderly stop at most; asking again then changes nothing. */
const ASK_AGAIN_MS = 60_000;

/** The calls that a turn needs. */
export interface ClusterPort {
  annotations(): Promise<Annotations>;
  node(): Promise<NodeView>;
  lease(): Promise<LeaseView>;
  nodes(names: readonly string[]): Promise<readonly Peer[]>;
  peers(): Promise<readonly Peer[]>;
  pods(): Promise<readonly PodView[]>;
  write(patch: NodePatch): Promise<boolean>;
  swap(lease: LeaseView): Promise<boolean>;
  evict(pod: PodView): Promise<Eviction>;
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

type Done = Exclude<Step, { tag: 'look' }>;

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
  #heldBy: readonly string[] = [];

  constructor(ports: TurnPorts) {
    this.#ports = ports;
  }

  /** Takes the next step, and returns of which kind it was. */
  async next(): Promise<Done['tag']> {
    if (this.#isFree && !isAsked(await this.#ports.cluster.annotations())) return 'rest';
    const next = await this.decide();
    this.#heldBy = next.tag === 'wait' ? next.heldBy : [];
    await this.#perform(next);
    return next.tag;
  }

  /** Returns the next step, and changes nothing. */
  async decide(): Promise<Done> {
    const { cluster, bootId, now, defaults } = this.#ports;
    let seen: Seen = {
      now: now(),
      bootId,
      defaults,
      node: await cluster.node(),
      lease: undefined,
      heldBy: this.#heldBy,
      holding: undefined,
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
      seen = { ...seen, ...(await this.#look(next.at, seen)) };
    }
  }

  async #look(at: Look, { lease, heldBy }: Seen): Promise<Partial<Seen>> {
    const { cluster } = this.#ports;
    switch (at) {
      case 'lease':
        return { lease: await cluster.lease() };
      case 'holding':
        return {
          holding: await cluster.nodes([...new Set([...(lease?.holders ?? []), ...heldBy])]),
        };
      case 'peers':
        return { peers: await cluster.peers() };
      case 'pods':
        return { pods: await cluster.pods() };
    }
  }

  async #perform(next: Done): Promise<void> {
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

  /** A pod that is denied does not hold up the others, and fails the step after them. */
  async #evict(pods: readonly PodView[]): Promise<void> {
    const { cluster, now, entropy, log } = this.#ports;
    const faults: LifecycleError[] = [];
    for (const pod of this.#evictions.due(pods, now())) {
      const name = `${pod.namespace}/${pod.name}`;
      const outcome = await cluster.evict(pod);
      if (outcome === 'going') {
        log.info({ ev: 'pod.evicted', pod: name });
        continue;
      }
      const by = outcome === 'refused' ? 'budget' : 'other';
      const isFirst = this.#evictions.refuse(pod.uid, by, now(), entropy());
      if (outcome !== 'refused') faults.push(outcome);
      else if (isFirst) log.info({ ev: 'pod.held', pod: name });
    }
    if (faults[0] !== undefined) throw faults[0];
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
