import { copyFile } from 'node:fs/promises';

import { requireRoot } from '@kios/testkit';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { Authority, startNtsServer } from '../support/nts-server.ts';
import {
  bundleTimeAgent,
  DECIDED_MS,
  MEDDLED,
  NODE,
  SERVER,
  TimePod,
} from '../support/time-pod.ts';

const NAME = 'time.test';
/** What chronyd says of a certificate that it does not accept. */
const REFUSED = /TLS handshake with .* failed/;

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
    /** It is another authority's than the one that the node trusts. */
    readonly stranger?: boolean;
    readonly settings?: string;
    /** The operator names the server so. */
    readonly address?: string;
  }

  async function openNode(scene: Scene): Promise<TimePod> {
    const { days = 0, stranger = false, settings = '', address = SERVER } = scene;
    await using stack = new AsyncDisposableStack();
    const node = stack.use(await TimePod.open(bundle));
    await node.connect(`${NODE}/24`);
    const trusted = await Authority.create(node.wire.server);
    const issuer = stranger ? await Authority.create(node.wire.server) : trusted;
    await startNtsServer(node.wire.server, await issuer.issue(`IP:${SERVER},DNS:${NAME}`, days));
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

  it('judge the authority by ntsBootstrap all the same', async () => {
    await using node = await openNode({ stranger: true, settings: 'ntsBootstrap: true' });
    const { chronyd } = await node.start();
    await chronyd.expect(REFUSED, DECIDED_MS);
    expect(await node.sources()).toEqual({ [SERVER]: 'unusable' });
  });
});
