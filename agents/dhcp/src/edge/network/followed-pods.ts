import type { ServedPods } from '../../core/network/pods.ts';
import type { PodLanOptions } from '../pods/pod-lan.ts';
import type { NetworkPorts } from './progress.ts';

/** A node forwards, and so takes announcements of routers only with this value. */
const ACCEPT_RA = 2;
/** The shortest lease of a host without settings of its own. */
const MIN_LEASE = 60;

type Where = Omit<PodLanOptions, 'bridge' | 'uplink' | 'acceptRa' | 'minLeaseSeconds'>;

/** Serves pods while the network file has any. Nothing of that is loaded before. */
export class FollowedPods {
  readonly #where: Where;
  readonly #ports: NetworkPorts;
  #said = '';
  #stop = new AbortController();
  #done: Promise<void> = Promise.resolve();

  constructor(where: Where, ports: NetworkPorts) {
    this.#where = where;
    this.#ports = ports;
  }

  /** Begins, ends or begins anew when what is to be served has changed. */
  async follow(served: ServedPods | undefined, signal: AbortSignal): Promise<void> {
    const said = JSON.stringify(served) ?? '';
    if (said === this.#said) return;
    this.#said = said;
    this.#stop.abort();
    await this.#done;
    if (served === undefined || signal.aborted) return;
    this.#stop = new AbortController();
    const until = AbortSignal.any([signal, this.#stop.signal]);
    const { PodLan } = await import('../pods/pod-lan.ts');
    const { bridge, uplink, acceptRa } = served;
    const options = {
      ...this.#where,
      bridge,
      uplink,
      acceptRa: acceptRa ? ACCEPT_RA : undefined,
      minLeaseSeconds: MIN_LEASE,
    };
    this.#done = new PodLan(options, this.#ports).run(until).catch((err: unknown) => {
      if (!until.aborted) this.#ports.log.error({ ev: 'pods.fail', err });
    });
  }
}
