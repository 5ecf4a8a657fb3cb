import { randomBytes } from 'node:crypto';

import { KiosError } from '@kios/errors';

import { nodeEvent, type Notice } from '../../core/cluster/join-report.ts';
import type { Settings } from '../../core/settings/settings.ts';
import type { ApiServer } from '../cluster/api-server.ts';
import { readNodeCaller } from '../cluster/kube-auth.ts';
import type { Membered } from './board.ts';

/** Faults that begin while the API server is not reached wait for it; the newest count. */
const MOST_WAITING = 16;
const EVENTS = '/api/v1/namespaces/default/events';

/** Events that have not been sent yet. */
export class EventQueue {
  #waiting: { readonly notice: Notice; readonly when: Date }[] = [];

  add(notices: readonly Notice[], when: Date): void {
    const more = notices.map((notice) => ({ notice, when }));
    this.#waiting = [...this.#waiting, ...more].slice(-MOST_WAITING);
  }

  /** Sends all that wait, until one is lost. What the API server refuses is not sent again. */
  async send(settings: Settings, api: ApiServer, member: Membered): Promise<void> {
    const caller = await readNodeCaller(settings, member.kubeletConf);
    if (caller === undefined) return;
    for (let first = this.#waiting.at(0); first !== undefined; first = this.#waiting.at(0)) {
      const id = randomBytes(8).toString('hex');
      const body = JSON.stringify(nodeEvent(member.name, first.notice, first.when, id));
      try {
        const { status } = await api.get({ path: EVENTS, ca: member.ca, ...caller, body });
        if (status >= 500 || status === 429) return;
      } catch (error) {
        if (!(error instanceof KiosError)) throw error;
        return;
      }
      this.#waiting = this.#waiting.slice(1);
    }
  }
}
