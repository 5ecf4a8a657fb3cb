import { copyFile } from 'node:fs/promises';

import { requireRoot } from '@kios/testkit';
import { Authority, startNtsServer } from '@kios/testkit/nts';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

import {
  bundleTimeAgent,
  DECIDED_MS,
  MEDDLED,
  NODE,
  SECOND,
  SERVER,
  TimePod,
} from '../support/time-pod.ts';

const NAME = 'time.test';
/** What chronyd says of a certificate that it does not accept. */
const REFUSED = /TLS handshake with .* failed/;
const DAY_SECONDS = 24 * 3600;

// Nearly all of the time is spent waiting for replies.
describe('chronyd and the agent, with NTS', { timeout: 240_000, concurrent: true }, () => {
  let bundle: string;
  beforeAll(async () => {
    bundle = await bundleTimeAgent();
  });
  beforeEach(requireRoot);

  interface Scene {
    /** The certificate is valid for a day from so many days after now. */
    readonly days?: number;
    /** The server's time is so many days after now. */
    readonly ahead?: number;
    /** It is another authority's than the one that the node trusts. */
    readonly stranger?: boolean;
    readonly settings?: string;
    /** The operator names the server so. */
    readonly address?: string;
  }

  async function openNode(scene: Scene): Promise<TimePod> {
    const { days = 0, ahead, stranger = false, settings = '', address = SERVER } = scene;
    await using stack = new AsyncDisposableStack();
    const node = stack.use(await TimePod.open(bundle));
    await node.connect(`${NODE}/24`);
    const trusted = await Authority.create(node.wire.server);
    const issuer = stranger ? await Authority.create(node.wire.server) : trusted;
    const proof = await issuer.issue(`IP:${SERVER},DNS:${NAME}`, days);
    if (ahead !== undefined) await node.serve(SECOND, { offsetSeconds: ahead * DAY_SECONDS });
    const time = ahead === undefined ? {} : { follows: SECOND };
    await startNtsServer(node.wire.server, { ...proof, ...time, address: SERVER });
    const file = `${node.dir}/operator/ca.crt`;
    await copyFile(trusted.certificate, file);
    await node.configure(
      `servers: [{ address: ${address}, nts: true, minpoll: 0, maxpoll: 0 }]
fallbackPools: []
extra: |
  nosystemcert
  ntstrustedcerts ${file}
${settings}`,
    );
    stack.move();
    return node;
  }

  it('follow a server whose certificate the operator’s authority has signed', async () => {
    await using node = await openNode({});
    const { chronyd, watch } = await node.start();
    await chronyd.expect(`Selected source ${SERVER}`, DECIDED_MS);
    const [mode] = (await node.chronyc('authdata')).split(',').slice(1);
    expect(mode).toBe('NTS');
    expect(watch.lines.join('\n')).not.toMatch(MEDDLED);
  });

  it('follow a server by the name that its certificate has', async () => {
    await using node = await openNode({ address: NAME });
    await node.serveNames({ [NAME]: SERVER });
    const { chronyd, watch } = await node.start();
    await chronyd.expect(`Selected source ${SERVER}`, DECIDED_MS);
    expect(await node.chronyc('-N', 'authdata')).toMatch(/^time\.test,NTS,/);
    expect(watch.lines.join('\n')).not.toMatch(MEDDLED);
  });

  it.each([
    ['of another authority', { stranger: true }],
    ['that has expired', { days: -400 }],
    ['of the future', { days: 400 }],
  ] as const)('follow no server with a certificate %s', async (_, scene) => {
    await using node = await openNode(scene);
    const { chronyd } = await node.start();
    await chronyd.expect(REFUSED, DECIDED_MS);
    expect(await node.sources()).toEqual({ [SERVER]: 'unusable' });
  });

  it('judge no dates by ntsBootstrap until the clock has been set', async () => {
    await using node = await openNode({ days: 400, settings: 'ntsBootstrap: true' });
    const { chronyd } = await node.start();
    await chronyd.expect(`Selected source ${SERVER}`, DECIDED_MS);
    expect(chronyd.lines.join('\n')).not.toMatch(REFUSED);
  });

  it.each([SERVER, NAME])(
    'refuse, by ntsBootstrap, a server whose certificate and time are of before the floor: %s',
    async (address) => {
      const days = -3650;
      const settings = 'ntsBootstrap: true';
      await using node = await openNode({ days, ahead: days, settings, address });
      await node.serveNames({ [NAME]: SERVER });
      const { chronyd, watch } = await node.start();
      const refused = await watch.expect('"ev":"source.refused"', DECIDED_MS);
      expect(refused).toContain('KIOS_TIME_SOURCE');
      expect(await chronyd.exited).toBe(0);
      // Its certificate was taken: nothing but its time speaks against it.
      expect(chronyd.lines.join('\n')).not.toMatch(REFUSED);
      expect(watch.lines.join('\n')).not.toContain('"ev":"clock.set"');
      const again = node.chronyd();
      await again.expect('chronyd version');
      const none = async (): Promise<void> => expect(await node.sources()).toEqual({});
      await vi.waitFor(none, { timeout: 20_000, interval: 250 });
    },
  );

  it('judge the authority by ntsBootstrap all the same', async () => {
    await using node = await openNode({ stranger: true, settings: 'ntsBootstrap: true' });
    const { chronyd } = await node.start();
    await chronyd.expect(REFUSED, DECIDED_MS);
    expect(await node.sources()).toEqual({ [SERVER]: 'unusable' });
  });
});
