import { backoff } from '@kios/agent';

import type { NodeObject } from '../core/cluster/api-objects.ts';
import { planCondition } from '../core/cluster/state-condition.ts';
import type { KubeClient } from '../edge/cluster/kube-client.ts';
import { bootSeconds, readHost } from '../edge/node/host.ts';
import { isNoAnswer } from './cluster-view.ts';
import type { JoinContext } from './context.ts';

/** The API server's whole seconds, which are cut off. */
const ROUNDING_MS = 1000;

/** Keeps the condition `StateInMemory` of this node, which only its kubelet's identity may write. */
export class StateCondition {
  readonly #context: JoinContext;
  readonly #pause = backoff({ firstMs: 5000, maxMs: 600_000 });
  /** CLOCK_BOOTTIME in seconds, before which a refused condition is not sent again. */
  #nextTry = 0;

  constructor(context: JoinContext) {
    this.#context = context;
  }

  /** Sets the condition if this Node, as it was just read, lacks it. */
  async keep(kube: KubeClient, name: string, node: NodeObject): Promise<void> {
    const { settings, log } = this.#context;
    const up = await bootSeconds();
    if (up < this.#nextTry) return;
    const host = await readHost(settings);
    const now = Date.now();
    const bootedAt = now - up * 1000 - ROUNDING_MS;
    const patch = host && planCondition(node, host, new Date(now).toISOString(), bootedAt);
    if (patch === undefined) return;
    const { type, status, reason } = patch;
    try {
      await kube.addConditions(name, [patch]);
      this.#pause.reset();
      log.info({ ev: 'condition.set', type, status, reason });
    } catch (err) {
      if (!isNoAnswer(err)) throw err;
      this.#nextTry = up + this.#pause.next() / 1000;
      log.info({ ev: 'condition.refused', type, err });
    }
  }
}
