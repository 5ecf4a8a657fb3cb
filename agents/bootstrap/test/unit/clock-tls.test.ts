import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { makeCa } from '@kios/testkit/control-plane';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { joinNode } from '../../src/verbs/join.ts';
import { testLogger } from '../support/logger.ts';
import { type Dates, makeDatedLeaf } from '../support/make-dated-leaf.ts';
import { clusterDocument, NodeFolder } from '../support/node-folder.ts';

const HOUR = 3600_000;
const KUBECONFIG = 'etc/kubernetes/bootstrap-kubelet.conf';
const { signal } = new AbortController();
const log = testLogger();

/** A certificate that is valid from and to so many hours from now. */
const between = (from: number, to: number): Dates => ({
  from: new Date(Date.now() + from * HOUR),
  to: new Date(Date.now() + to * HOUR),
});

describe('by a guessed clock, a real API server whose certificate', () => {
  let dir: string;
  let node: NodeFolder;
  let server: Server | undefined;
  /** The requests whose TLS was established. */
  let requests: number;

  beforeEach(async () => {
    dir = mkdtempSync(path.join(tmpdir(), 'kios-tls-'));
    node = await NodeFolder.make();
    node.boot({ clockFloored: true });
    node.lease();
    requests = 0;
  });
  afterEach(async () => {
    server?.close();
    await node[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true });
  });

  const read = (name: string): string => readFileSync(path.join(dir, name), 'utf8');

  /** Serves with such a certificate. Returns how the join ends. */
  async function join(dates: Dates): Promise<unknown> {
    makeCa(dir, 'ca');
    makeDatedLeaf(dir, 'api', 'ca', dates);
    server = createServer({ cert: read('api.crt'), key: read('api.key') }, (_, response) => {
      requests += 1;
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(0, '127.0.0.1', resolve);
    await promise;
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    node.seed(clusterDocument(`https://127.0.0.1:${port}`, { ca: read('ca.crt') }));
    const clock = {
      read: () => ({ now: Date.now(), steady: 0, synchronised: false, maxErrorSeconds: 16 }),
      ask: async () => Promise.resolve(undefined),
    };
    const settings = { ...node.settings, clockTimeoutSeconds: 0.05 };
    return joinNode({ settings, log, signal, clock }).then(
      ({ outcome }) => outcome,
      (error: unknown) => error,
    );
  }

  it('is valid is joined', async () => {
    expect(await join(between(-1, 1))).toBe('pending');
    expect(requests).toBe(1);
  });

  it.each([
    ['is not valid yet', between(1, 2), /clock of the node is behind/],
    ['has expired', between(-2, -1), /Renew the certificate of the API server/],
  ])('%s gets no token', async (_, dates, remedy) => {
    const error = await join(dates);
    expect(error).toMatchObject({
      code: 'KIOS_BOOTSTRAP_UNTRUSTED',
      remedy: expect.stringMatching(remedy) as unknown,
    });
    expect(String(error)).toContain("this node's clock says 20");
    expect(requests).toBe(0);
    expect(node.read(KUBECONFIG)).toBeUndefined();
    expect(node.sent).toEqual([]);
  });
});
