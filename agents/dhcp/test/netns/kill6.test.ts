import { randomInt } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';

import { Random } from '@kios/bytes/testing';
import { Lease6 } from '@kios/node-state';
import { requireRoot } from '@kios/testkit';
import { kea6 } from '@kios/testkit/dhcp';
import * as v from 'valibot';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { buildAgent, eventually } from '../support/netns/agent.ts';
import { leasedOf, readText } from '../support/netns/network6.ts';
import { Scene6 } from '../support/netns/scene6.ts';

const SEED = Number(process.env['KIOS_KILL_SEED'] ?? randomInt(2 ** 31));
const KILLS = Number(process.env['KIOS_KILLS6'] ?? 20);
/** From the agent's start until its lease is in kernel and files, and a little longer. */
const SPAN_MS = 2500;

beforeEach(requireRoot);
beforeAll(buildAgent, 60_000);

describe(`kill -9 at any moment of DHCPv6, seed ${SEED}`, () => {
  it('leaves one address, always the same, and undamaged files', { timeout: 300_000 }, async () => {
    await using scene = await Scene6.open(kea6);
    const random = new Random(SEED);
    await scene.serve();
    const first = scene.machine.run();
    await first.expect('lease6.bound');
    await first.stop('SIGKILL');
    const [address] = await leasedOf(scene.client);
    for (let kill = 0; kill < KILLS; kill += 1) {
      // As after a boot every other time, and else as after a crash.
      if (kill % 2 === 0) await scene.reboot();
      const agent = scene.machine.run();
      await setTimeout(random.next() * SPAN_MS);
      await agent.stop('SIGKILL');
      const name = 'v6/eth0.json';
      for (const file of [scene.machine.runFile(name), scene.machine.stateFile(name)]) {
        const text = await readText(file);
        if (text !== '') v.parse(Lease6, JSON.parse(text));
      }
      expect([[], [address]]).toContainEqual(await leasedOf(scene.client));
    }
    scene.machine.run();
    await eventually(async () => {
      expect(await leasedOf(scene.client)).toEqual([address]);
    }, 60_000);
  });
});
