import type { Logger } from '@kios/agent';
import { ControlError } from '@kios/host-api';
import {
  type Action,
  type Annotations,
  DEFAULTS,
  type LeaseView,
  type NodePatch,
  type NodeView,
  type Peer,
  type PodView,
} from '@kios/node-turn';

import type { Eviction } from '../../src/core/eviction/evictions.ts';
import { LifecycleError } from '../../src/core/faults/errors.ts';
import { type ClusterPort, TurnKeeper, type TurnPorts } from '../../src/verbs/turn-keeper.ts';

/** Ends an agent in the middle of a call. */
export class Killed extends Error {}

export const pod = (name: string, changes: Partial<PodView> = {}): PodView => ({
  namespace: 'default',
  name,
  uid: `uid-${name}`,
  fate: 'goes',
  isTerminating: false,
  ...changes,
});

const node = (): NodeView => ({
  name: 'a',
  resourceVersion: '1',
  annotations: {},
  isCordoned: false,
  isReady: true,
  isSilent: false,
  bootId: 'boot-1',
});

/** A cluster of one node `a` and its host, in memory; what an agent does to it stays when the agent is killed. */
export class SmallFleet implements ClusterPort {
  stored = node();
  place: LeaseView = { resourceVersion: '1', holders: [] };
  others: readonly Peer[] = [];
  running: readonly PodView[] = [];
  /** Names of pods that a budget holds. */
  readonly held = new Set<string>();
  /** Names of pods that a webhook does not let go. */
  readonly denied = new Set<string>();
  /** Boots that the host was asked to end. */
  readonly orders: string[] = [];
  hostRefuses = false;
  boot = 'boot-1';
  now = Date.parse('2026-11-28T10:00:00Z');
  /** Calls so far, and the one at which the agent dies. */
  calls = 0;
  diesAt = Infinity;
  diesBefore = false;
  readonly events: { readonly ev: string; readonly [field: string]: unknown }[] = [];

  /** Does a call, at which the agent may die before or after it had its effect. */
  #call<T>(effect: () => T): T {
    this.calls += 1;
    const isLast = this.calls === this.diesAt;
    if (isLast && this.diesBefore) throw new Killed('before');
    const result = effect();
    if (isLast) throw new Killed('after');
    return result;
  }

  async annotations(): Promise<Annotations> {
    return this.#call(() => this.stored.annotations);
  }

  async node(): Promise<NodeView> {
    return this.#call(() => this.stored);
  }

  async lease(): Promise<LeaseView> {
    return this.#call(() => this.place);
  }

  async nodes(names: readonly string[]): Promise<readonly Peer[]> {
    return this.#call(() => this.others.filter(({ name }) => names.includes(name)));
  }

  async peers(): Promise<readonly Peer[]> {
    return this.#call(() => this.others);
  }

  async pods(): Promise<readonly PodView[]> {
    return this.#call(() => this.running);
  }

  async write(patch: NodePatch): Promise<boolean> {
    return this.#call(() => {
      if (patch.resourceVersion !== this.stored.resourceVersion) return false;
      this.change(patch);
      return true;
    });
  }

  async swap(lease: LeaseView): Promise<boolean> {
    return this.#call(() => {
      if (lease.resourceVersion !== this.place.resourceVersion) return false;
      const resourceVersion = String(Number(lease.resourceVersion) + 1);
      this.place = { resourceVersion, holders: lease.holders };
      return true;
    });
  }

  async evict({ name, uid }: PodView): Promise<Eviction> {
    return this.#call(() => {
      if (this.denied.has(name)) return new LifecycleError('KIOS_LIFECYCLE_EVICT', `evict ${name}`);
      if (this.held.has(name)) return 'refused';
      this.running = this.running.filter((one) => one.uid !== uid);
      return 'going';
    });
  }

  async ask(action: Action): Promise<void> {
    this.#call(() => {
      if (this.hostRefuses) throw new ControlError('reboot', 'shutdown.sock', new Error('gone'));
      this.orders.push(`${action} ${this.boot}`);
    });
  }

  /** Changes the Node as a person does, who has not read it before. */
  change({ annotations, unschedulable }: Omit<NodePatch, 'resourceVersion'>): void {
    const all = { ...this.stored.annotations, ...annotations };
    const kept = Object.entries(all).flatMap(([key, value]) =>
      value === null ? [] : [[key, value] as const],
    );
    this.stored = {
      ...this.stored,
      annotations: Object.fromEntries(kept),
      isCordoned: unschedulable ?? this.stored.isCordoned,
      resourceVersion: String(Number(this.stored.resourceVersion) + 1),
    };
  }

  /** The machine starts again; kubelet reports it. */
  reboot(): void {
    this.boot = `boot-${Number(this.boot.slice('boot-'.length)) + 1}`;
    this.change({ annotations: {} });
    this.stored = { ...this.stored, bootId: this.boot };
  }

  /** Starts an agent, as after it was killed. */
  agent(): TurnKeeper {
    const note: Logger['info'] = (fields) => void this.events.push(fields);
    const log = { debug: note, info: note, warn: note, error: note, close: async () => {} };
    const ports: TurnPorts = {
      cluster: this,
      bootId: this.boot,
      ask: (action) => this.ask(action),
      now: () => this.now,
      entropy: () => 0.5,
      log,
      defaults: DEFAULTS,
    };
    return new TurnKeeper(ports);
  }
}
