import { compareCa } from '../core/cluster/ca-change.ts';
import { readAnnounced, writeAnnounced } from '../edge/cluster/announced-ca.ts';
import type { ApiServer } from '../edge/cluster/api-server.ts';
import { openKube } from '../edge/cluster/kube-auth.ts';
import { isVerifiedBy, MOST_UNPROVEN, provenBy } from '../edge/cluster/proof.ts';
import { publicKeyPin } from '../edge/node/certificates.ts';
import { isNoAnswer, viewCa } from './cluster-view.ts';
import type { JoinContext } from './context.ts';

/** A CA that was found by its pins, and the API server that it verifies. */
export interface Followed {
  readonly api: ApiServer;
  readonly ca: readonly string[];
  readonly pins: readonly string[];
}

/**
 * Follows the CA of a cluster that was found by its pins. A certificate is taken when the document has its pin, or when
 * the API server's own certificate is verified by it alone: whoever may write the published bundle cannot do that.
 */
export class CaFollower {
  readonly #context: JoinContext;
  /** The bundle that was reported last. */
  #reported = '';

  constructor(context: JoinContext) {
    this.#context = context;
  }

  /** Returns the bundle to trust from now on; undefined when it stays. `isReached`: the present one still works. */
  async next(followed: Followed, isReached: boolean): Promise<readonly string[] | undefined> {
    try {
      return await (isReached ? this.#compare(followed) : this.#tryAnnounced(followed));
    } catch (error) {
      // Whatever the API server's fault is, the known CA stays in use.
      if (isNoAnswer(error)) return undefined;
      throw error;
    }
  }

  async #compare({ api, ca, pins }: Followed): Promise<readonly string[] | undefined> {
    // kubeadm permits only anonymous requests to read it.
    const published = await viewCa(await openKube(api, { ca }));
    if (published === undefined) return undefined;
    const isPinned = (certificate: string): boolean => pins.includes(publicKeyPin(certificate));
    const change = compareCa(ca, published, isPinned);
    const before = await readAnnounced(this.#context.settings);
    const announced = change.isForeign
      ? change.unproven.filter((certificate) => before.includes(certificate))
      : change.unproven.slice(0, MOST_UNPROVEN);
    await writeAnnounced(this.#context.settings, announced);
    const proven = await provenBy(api, announced);
    this.#report(change.unproven.filter((certificate) => !proven.includes(certificate)));
    if (change.ca === undefined && proven.length === 0) return undefined;
    const next = [...(change.ca ?? ca), ...proven];
    // A bundle without the certificate that the API server uses now would cut the node off.
    return (await isVerifiedBy(api, next)) ? next : undefined;
  }

  async #tryAnnounced({ api, ca }: Followed): Promise<readonly string[] | undefined> {
    // They stay announced until the present bundle has them, so that a cut in between loses none.
    const proven = await provenBy(api, await readAnnounced(this.#context.settings));
    return proven.length === 0 ? undefined : [...ca, ...proven];
  }

  #report(unproven: readonly string[]): void {
    const text = unproven.join('');
    if (text === this.#reported) return;
    this.#reported = text;
    if (unproven.length === 0) return;
    this.#context.log.warn({
      ev: 'ca.unproven',
      code: 'KIOS_BOOTSTRAP_CA',
      certificates: unproven.slice(0, MOST_UNPROVEN).map(publicKeyPin),
      remedy:
        'If the CA is being replaced, nothing: the node takes it when the API server uses it, or when caCertHashes has it. Otherwise find out who wrote kube-public/cluster-info.',
      console: true,
    });
  }
}
