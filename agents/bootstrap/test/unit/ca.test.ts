import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { publicKeyPin } from '../../src/edge/node/certificates.ts';
import { clusterInfo, infoConfigMap } from '../support/cluster-info.ts';
import { INFO } from '../support/fake-cluster.ts';
import { CA_A, CA_B, CA_C } from '../support/fixtures.ts';
import { clusterDocument } from '../support/node-folder.ts';
import { WatchedNode } from '../support/watched-node.ts';

const pinned = (...pins: readonly string[]): string =>
  clusterDocument('https://127.0.0.1:6443', { pins: pins.map(publicKeyPin) });

let watched: WatchedNode;

const publish = (ca: string): void => {
  watched.cluster.answers[INFO] = { status: 200, body: infoConfigMap(clusterInfo(ca)) };
};
const ca = (): string | undefined => watched.node.read('etc/kubernetes/pki/ca.crt');
const infos = (): number => watched.cluster.asked.filter(({ path }) => path === INFO).length;

/** Waits until the agent has compared the published CA with its own a few times. */
async function compares(): Promise<void> {
  const before = infos();
  await watched.until(() => expect(infos()).toBeGreaterThanOrEqual(before + 3));
}

beforeEach(async () => {
  watched = await WatchedNode.make();
  publish(CA_A);
  await watched.join(pinned(CA_A));
});

afterEach(async () => {
  await watched[Symbol.asyncDispose]();
});

describe('whoever may write cluster-info cannot give a member', () => {
  it.each([
    ['another CA', CA_C],
    ['a second CA beside its own', CA_A + CA_C],
    ['it many times', CA_A + CA_C.repeat(30)],
    [
      'a certificate that is none',
      `${CA_A}-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n`,
    ],
  ])('%s', async (_what, published) => {
    publish(published);
    await compares();
    expect(ca()).toBe(CA_A);
    expect(watched.node.sent).toEqual([]);
  });

  it('another CA by way of the second; both are reported once, with their hashes', async () => {
    publish(CA_A + CA_C);
    await watched.sees('ca.unproven');
    await compares();
    publish(CA_C);
    await compares();
    expect(ca()).toBe(CA_A);
    const lines = watched.saw('ca.unproven');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({
      code: 'KIOS_BOOTSTRAP_CA',
      certificates: [publicKeyPin(CA_C)],
    });
  });

  it('nothing to write by repeating its own', async () => {
    publish(CA_A + CA_A);
    await compares();
    expect(ca()).toBe(CA_A);
    expect(watched.saw('ca.unproven')).toEqual([]);
  });
});

describe('a rotation over both CAs', () => {
  it('is followed when the API server uses the new one, over a restart of the agent too', async () => {
    publish(CA_A + CA_B);
    await watched.sees('ca.unproven');
    await watched.start();
    await compares();
    expect(ca()).toBe(CA_A);
    watched.cluster.ca = CA_B;
    await watched.sees('ca.changed');
    expect(ca()).toBe(CA_A + CA_B);
    await watched.until(() => expect(watched.node.sent).toEqual(['03']));
    publish(CA_B);
    await watched.sees('ca.changed', 2);
    expect(ca()).toBe(CA_B);
    expect(watched.node.read('var/lib/kios/bootstrap/announced-ca.crt')).toBeUndefined();
    expect(watched.saw('identity.dropped')).toEqual([]);
  });

  it('that leaves the old one out too early is followed as well', async () => {
    publish(CA_A + CA_B);
    await watched.sees('ca.unproven');
    publish(CA_B);
    await compares();
    watched.cluster.ca = CA_B;
    await watched.sees('ca.changed');
    expect(ca()).toBe(CA_A + CA_B);
  });

  it('is followed at once by the document that has both pins, but not before it works', async () => {
    await watched.stop();
    watched.node.seed(pinned(CA_A, CA_B));
    await watched.start();
    publish(CA_B);
    await compares();
    expect(ca()).toBe(CA_A);
    publish(CA_A + CA_B);
    await watched.until(() => expect(ca()).toBe(CA_A + CA_B));
    expect(watched.saw('ca.unproven')).toEqual([]);
  });
});

it('a server of the announced CA is not asked for another announcement', async () => {
  publish(CA_A + CA_C);
  await watched.sees('ca.unproven');
  watched.cluster.ca = CA_B;
  const before = watched.cluster.asked.length;
  await watched.until(() => expect(watched.cluster.asked.length).toBeGreaterThan(before + 6));
  const since = watched.cluster.asked.slice(before);
  expect(since.filter((wanted) => wanted.ca === undefined)).toEqual([]);
  expect(ca()).toBe(CA_A);
});

/** Returns the CA of a fresh node that joins by the first CA's pin. */
async function joins(published: string, server: string): Promise<string | undefined> {
  await watched[Symbol.asyncDispose]();
  watched = await WatchedNode.make();
  watched.cluster.ca = server;
  publish(published);
  watched.node.seed(pinned(CA_A));
  await watched.run();
  return ca();
}

describe('joining by a pin', () => {
  it('leaves a certificate out that is neither pinned nor used', async () => {
    expect(await joins(CA_C + CA_A, CA_A)).toBe(CA_A);
  });

  it('takes the one that the API server uses already, beside the pinned one', async () => {
    expect(await joins(CA_A + CA_C + CA_B, CA_B)).toBe(CA_A + CA_B);
  });
});
