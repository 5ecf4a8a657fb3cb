import { randomInt } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';

import { Random } from '@kios/bytes/testing';
import { Lease } from '@kios/node-state';
import { requireRoot, startTcpFlow } from '@kios/testkit';
import { dnsmasq } from '@kios/testkit/dhcp';
import * as v from 'valibot';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { addressesOf, buildAgent, eventually, routesOf } from '../support/netns/agent.ts';
import { ADDRESS, Scene } from '../support/netns/scene.ts';

const SEED = Number(process.env['KIOS_KILL_SEED'] ?? randomInt(2 ** 31));
const KILLS = Number(process.env['KIOS_KILLS'] ?? 200);
const FOREIGN = ['192.0.2.0/24', 'via', ADDRESS] as const;

beforeEach(requireRoot);
beforeAll(buildAgent, 60_000);

/** An activity of the agent during which it is killed. */
interface Moment {
  readonly name: string;
  readonly verb: 'acquire' | 'run';
  readonly prepare: (scene: Scene, random: Random) => Promise<void>;
  /** The event that ends it. */
  readonly done: string;
}

/** Makes the lease older by that many seconds. */
async function age({ machine }: Scene, seconds: number): Promise<void> {
  const file = machine.runFile('eth0.json');
  const lease = await machine.lease();
  const boot = Number(/^[\d.]+/.exec(await readFile('/proc/uptime', 'utf8'))?.[0]) - seconds;
  await writeFile(file, JSON.stringify({ ...lease, acquired: { ...lease.acquired, boot } }));
}

/** Leaves the lease to the kernel alone, or to the kernel and the file for the next boot. */
async function forgetRun({ machine }: Scene, random: Random): Promise<void> {
  await rm(machine.runFile('eth0.json'), { force: true });
  if (random.next() < 0.5) await rm(machine.stateFile('eth0.json'), { force: true });
}

const FROM_NOTHING: Moment = {
  name: 'acquire',
  verb: 'acquire',
  prepare: async (scene, random) => {
    await scene.reboot();
    await forgetRun(scene, random);
  },
  done: 'lease.bound',
};
/** The activities that must not disturb a connection. */
const IN_USE: readonly Moment[] = [
  { name: 'acquire what is in use', verb: 'acquire', prepare: forgetRun, done: 'lease.' },
  { name: 'renew', verb: 'run', prepare: (scene) => age(scene, 2000), done: 'lease.renewed' },
  { name: 'rebind', verb: 'run', prepare: (scene) => age(scene, 3200), done: 'lease.renewed' },
];

/** Fails when a file is damaged. */
async function checkFiles({ machine }: Scene): Promise<void> {
  for (const file of [machine.runFile('eth0.json'), machine.stateFile('eth0.json')]) {
    const text = await readFile(file, 'utf8').catch(() => undefined);
    if (text !== undefined) v.parse(Lease, JSON.parse(text));
  }
}

/** Runs the activity undisturbed. Returns its duration in milliseconds. */
async function finish(scene: Scene, moment: Moment, random: Random): Promise<number> {
  await moment.prepare(scene, random);
  const start = performance.now();
  const agent = scene.machine[moment.verb]();
  await agent.expect(moment.done, 15_000);
  const took = performance.now() - start;
  await agent.stop('SIGKILL');
  return took;
}

/** Kills the agent at random times between its start and a little after the activity. */
async function killOften(
  scene: Scene,
  moment: Moment,
  random: Random,
  check: () => Promise<void>,
): Promise<void> {
  // Completes what the kills before left unfinished.
  await scene.machine.acquire().exited;
  let took = 0;
  for (let kill = 0; kill < KILLS / (IN_USE.length + 1); kill += 1) {
    // An undisturbed run now and then refreshes the files and measures the duration under the present load.
    if (kill % 10 === 0) took = await finish(scene, moment, random);
    await moment.prepare(scene, random);
    const agent = scene.machine[moment.verb]();
    await setTimeout(random.next() * took * 1.2);
    await agent.stop('SIGKILL');
    await checkFiles(scene);
    await check();
  }
}

describe(`kill -9 at any moment, seed ${SEED}`, () => {
  it(
    'leaves one address, undamaged files, the routes of others and a connection',
    { timeout: 900_000 },
    async () => {
      await using scene = await Scene.open(dnsmasq);
      const random = new Random(SEED);
      await scene.serve();
      await killOften(scene, FROM_NOTHING, random, async () => {
        expect((await addressesOf(scene.client)).length).toBeLessThanOrEqual(1);
      });

      await finish(scene, FROM_NOTHING, random);
      const before = await addressesOf(scene.client);
      await scene.client.exec('ip', 'route', 'add', ...FOREIGN, 'proto', 'static');
      const routes = [FOREIGN.join(' '), `default via ${ADDRESS}`];
      const flow = await startTcpFlow(scene.client, scene.server, ADDRESS);
      for (const moment of IN_USE)
        await killOften(scene, moment, random, async () => {
          expect([moment.name, await addressesOf(scene.client)]).toEqual([moment.name, before]);
          expect(await routesOf(scene.client)).toEqual(routes);
        });

      const last = scene.machine.run();
      await last.expect('lease.');
      await flow.expectNext('echoed');
      expect(await addressesOf(scene.client)).toEqual(before);
      expect(await routesOf(scene.client)).toEqual(routes);
      expect((await scene.machine.lease()).address).toBe(before[0]);
      const known = /^(eth0\.json|eth0\.pcap|resolv\.conf)$/;
      // Files of killed instances go at its start; its own temporary file goes a moment later.
      await eventually(async () => {
        const files = await readdir(scene.machine.runFile(''));
        expect(files.filter((name) => !known.test(name))).toEqual([]);
        expect(await readdir(scene.machine.stateFile(''))).toEqual(['eth0.json', 'eth0.lock']);
      });
    },
  );
});
