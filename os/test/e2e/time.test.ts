import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import type { Subject } from '../../src/checks/acceptance/assertion.ts';
import { checkStaticPods } from '../../src/checks/acceptance/static-pods.ts';
import { lookAtHost } from '../../src/lab/debug-pod.ts';
import { down } from '../../src/lab/down.ts';
import type { SeenEvent } from '../../src/lab/qemu/console.ts';
import { silent } from '../../src/workstation/progress.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { describeRecorded } from '../support/recorded.ts';
import { openSegmentLab, type SegmentLab } from '../support/relay/segment-lab.ts';
import { chronydRestarts, watchSaid } from '../support/time/chronyd-container.ts';
import { hardwareClock } from '../support/time/hardware-clock.ts';
import {
  BY_NTS,
  type LateNode,
  powerOnLate,
  SILENT_REQUESTS,
  TIME_YAML,
  TRUSTED,
} from '../support/time/late-node.ts';
import { logTimes } from '../support/time/log-times.ts';
import { clockBeside, clockOf } from '../support/time/node-clock.ts';
import { NodeShell } from '../support/time/node-shell.ts';
import { NTS_SERVER, TIME_SERVER } from '../support/time/time-segment.ts';

const BUILD_MS = 70 * 60_000;
const BOOT_MS = 20 * 60_000;
const STEP_MS = 5 * 60_000;
/** The node's clock and the server's are read one after the other, in an emulator. */
const NEAR_SECONDS = 0.1;
/** Slewing takes half a minute, in which the node's clock is read on its way. */
const SLEWED_SECONDS = 2;
/** From the emulator's start to init's first line. */
const FIRST_LINE_MS = 60_000;
/** A hardware clock has whole seconds. */
const WHOLE_MS = 2000;

await describeRecorded('time', () => {
  const progress = progressOn({ write: (text) => process.stdout.write(text) });
  let lab: SegmentLab;

  beforeAll(async () => {
    lab = await openSegmentLab(progress);
  }, BUILD_MS);

  afterAll(() => down(silent, { purge: true }), 120_000);

  // Firmware reads two digits of the year, takes them for one from 1998 to 2097, and writes that one into the clock:
  // the kernel finds neither 1970 nor 2100 there. A board without a clock does start in 1970: see rpi4.test.ts.
  describe.each([
    ['1970', '2070'],
    ['2100', '2000'],
  ])('a node whose hardware clock is in %s', (year, read) => {
    const nodeName = `from-${year}`;
    let late: LateNode;
    let shell: NodeShell;

    beforeAll(async () => {
      late = await powerOnLate(lab, { nodeName, rtc: `${year}-01-01T00:00:00` });
    }, BOOT_MS);
    afterAll(() => late?.[Symbol.asyncDispose](), 120_000);

    const seen = (agent: string, ev: string): Promise<SeenEvent> =>
      late.node.console.expect(ev, (one) => one.agent === agent && one.ev === ev, BOOT_MS);

    it('begins with that clock, and then with the build time', { timeout: BOOT_MS }, async () => {
      const { fields } = await seen('init', 'init.start');
      expect(fields['t']).toMatch(new RegExp(`^(?:${year}|${read})-01-01T00:`));
      expect((await seen('init', 'clock.floored')).fields).toMatchObject({ bound: 'build' });
    });

    it('joins nothing while the time server is silent', { timeout: BOOT_MS }, async () => {
      await seen('dhcp', 'lease.bound');
      await late.server.expectRequests(SILENT_REQUESTS, BOOT_MS);
      const said = late.node.console.events;
      expect(said.map(({ ev }) => ev)).not.toContain('cluster.verified');
      const kubelets = said.filter(({ ev }) => ev === 'kubelet.start');
      expect(kubelets.map(({ fields }) => fields['mode'])).toEqual(['standalone']);
    });

    it('steps its clock by the first replies, and then joins', { timeout: BOOT_MS }, async () => {
      const step = await seen('chrony-config', 'clock.step');
      // The image was built before this test began.
      expect(Number(step.fields['by'])).toBeGreaterThan(1);
      const verified = await seen('bootstrap', 'cluster.verified');
      // By the time that the image was built it would be earlier.
      const { startedAt } = late.node.running;
      expect(Date.parse(String(verified.fields['t']))).toBeGreaterThan(startedAt);
      progress.info(`${nodeName}: Ready after ${await late.ready()} s`);
      shell = await NodeShell.open(lab.kubectl, nodeName);
    });

    it('runs chronyd and every other static pod', { timeout: STEP_MS }, async () => {
      const subject: Pick<Subject, 'kubectl' | 'nodeName' | 'lookAtHost'> = {
        kubectl: lab.kubectl,
        nodeName,
        lookAtHost: () => lookAtHost(lab.kubectl, nodeName),
      };
      expect(await checkStaticPods(subject)).toMatch(/^\d+ run/);
    });

    it('has the time of the server', { timeout: STEP_MS }, async () => {
      await vi.waitFor(
        async () => {
          const state = await clockOf(shell);
          expect(state).toMatchObject({ sane: true, synced: true, source: TIME_SERVER });
        },
        { timeout: STEP_MS / 2, interval: 1000 },
      );
      const { ahead } = await clockBeside(shell);
      expect(Math.abs(ahead)).toBeLessThan(NEAR_SECONDS);
    });

    it('has logs with the right times also of before', { timeout: STEP_MS }, async () => {
      const { written, shown, stepped } = await logTimes(lab.kubectl, nodeName);
      expect(written).toMatch(new RegExp(`^(?:${year}|${read})-01-01T00:`));
      expect(stepped).toBe(true);
      const { startedAt } = late.node.running;
      expect(shown).toBeGreaterThan(startedAt - WHOLE_MS);
      expect(shown).toBeLessThan(startedAt + FIRST_LINE_MS);
    });

    it('says so to the cluster and to monitoring', { timeout: STEP_MS }, async () => {
      await lab.kubectl.wait(['wait', '--for=condition=ClockSynchronized', `node/${nodeName}`]);
      const metrics = await shell.read('/run/kios/metrics/clock.prom');
      expect(metrics).toMatch(/^kios_clock_synced 1$/m);
    });

    it('writes the time into its hardware clock', { timeout: STEP_MS }, async () => {
      await vi.waitFor(
        async () => {
          const ahead = (await hardwareClock(late.node.machine)) - Date.now();
          expect(Math.abs(ahead)).toBeLessThan(WHOLE_MS);
        },
        { timeout: STEP_MS / 2, interval: 1000 },
      );
    });

    it(
      'has chronyd start again, once, for the time.yaml of its document',
      { timeout: STEP_MS },
      async () => {
        await vi.waitFor(
          async () =>
            expect(await chronydRestarts(lab.kubectl, nodeName)).toEqual({ count: 1, exitCode: 0 }),
          { timeout: STEP_MS / 2, interval: 1000 },
        );
        expect(await watchSaid(lab.kubectl, nodeName, 'chronyd.restart')).toHaveLength(1);
        expect(await shell.read('/run/kios/chrony/chrony.conf')).toContain(TRUSTED);
      },
    );

    it('slews its clock when the server’s time changes later', { timeout: STEP_MS }, async () => {
      const before = await clockBeside(shell);
      await late.segment.serve({ offsetSeconds: SLEWED_SECONDS });
      const moved = await clockBeside(shell);
      expect(moved.ahead).toBeLessThan(-NEAR_SECONDS);
      expect(moved.ahead).toBeGreaterThan(-SLEWED_SECONDS - NEAR_SECONDS);
      const after = await vi.waitFor(
        async () => {
          const now = await clockBeside(shell);
          expect(Math.abs(now.ahead)).toBeLessThan(NEAR_SECONDS);
          return now;
        },
        { timeout: STEP_MS / 2, interval: 1000 },
      );
      expect(Math.abs(after.started - before.started)).toBeLessThan(NEAR_SECONDS);
    });

    it(
      'follows a server of NTS by the operator’s authority, without a restart',
      { timeout: 2 * STEP_MS },
      async () => {
        const file = '/run/kios/chrony/sources.d/10-config.sources';
        const wanted = `# time.yaml\nserver ${NTS_SERVER} iburst nts minpoll 0 maxpoll 0\n`;
        await vi.waitFor(
          async () => {
            // The node puts back what its document has, so the change is made again until chronyd has followed it.
            if ((await shell.read(file)) !== wanted) await shell.write(TIME_YAML, BY_NTS);
            expect(await clockOf(shell)).toMatchObject({ synced: true, source: NTS_SERVER });
          },
          { timeout: STEP_MS, interval: 1000 },
        );
        expect(await chronydRestarts(lab.kubectl, nodeName)).toMatchObject({ count: 1 });
      },
    );
  });
});
