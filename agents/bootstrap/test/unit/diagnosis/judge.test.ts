import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { CATALOGUE, type Finding } from '../../../src/core/diagnosis/catalogue.ts';
import {
  isUrgent,
  judge,
  type Judgement,
  type Suspicions,
} from '../../../src/core/diagnosis/judge.ts';
import { faultConditions, noticesOf } from '../../../src/core/diagnosis/tell.ts';

const CARRIER: Finding = { code: 'KIOS_FAULT_NO_CARRIER', cause: 'use eth0: nothing is connected' };
const CLOCK: Finding = { code: 'KIOS_FAULT_CLOCK_UNSYNCED', cause: 'set the clock: no reply' };
const JOIN: Finding = { code: 'KIOS_BOOTSTRAP_FIELD', cause: 'read it: bad', remedy: 'Mend it.' };

/** Judges what was found at each time, and returns the last judgement and what was told on the way. */
function run(looks: readonly (readonly [up: number, findings: readonly Finding[]])[]) {
  let suspicions: Suspicions = new Map();
  let last: Judgement | undefined;
  const told: [up: number, code: string][] = [];
  const ended: [up: number, code: string][] = [];
  for (const [up, findings] of looks) {
    last = judge(suspicions, findings, up);
    ({ suspicions } = last);
    for (const { code } of last.due) told.push([up, code]);
    for (const { code } of last.ended) ended.push([up, code]);
  }
  return { last, told, ended };
}

/** Whether the network is asked at once when a finding has lasted for these seconds. */
const isUrgentAfter = (finding: Finding, seconds: number): boolean => {
  const first = judge(new Map(), [finding], 0);
  return isUrgent(judge(first.suspicions, [finding], seconds).suspicions, seconds);
};

describe('a fault', () => {
  it('is told once its signs have lasted', () => {
    const { told } = run([
      [100, [CARRIER]],
      [109, [CARRIER]],
      [110, [CARRIER]],
    ]);
    expect(told).toEqual([[110, CARRIER.code]]);
  });

  it('is told again each minute', () => {
    const looks = Array.from({ length: 20 }, (_, n) => [n * 10, [CARRIER]] as const);
    expect(run(looks).told.map(([up]) => up)).toEqual([10, 70, 130, 190]);
  });

  it('that passes before its time was none', () => {
    const { told, ended } = run([
      [0, [CLOCK]],
      [20, [CLOCK]],
      [30, []],
      [40, [CLOCK]],
      [60, [CLOCK]],
    ]);
    expect([told, ended]).toEqual([[], []]);
  });

  it('is over when its signs have been gone for a while, and may begin again', () => {
    const { told, ended, last } = run([
      [0, [CARRIER]],
      [10, [CARRIER]],
      [20, []],
      [24, [CARRIER]],
      [30, []],
      [39, []],
      [40, []],
    ]);
    expect(told.map(([up]) => up)).toEqual([10]);
    expect(ended).toEqual([[39, CARRIER.code]]);
    expect(last?.faults).toEqual([]);
  });

  it('has the network asked until it is told, and on if only that finds its end', () => {
    const api: Finding = { code: 'KIOS_FAULT_API_UNREACHABLE', cause: 'reach it: no' };
    expect([isUrgent(new Map(), 0), isUrgentAfter(CLOCK, 10), isUrgentAfter(CLOCK, 60)]).toEqual([
      false,
      true,
      false,
    ]);
    expect([isUrgentAfter(api, 5), isUrgentAfter(api, 60)]).toEqual([true, true]);
  });

  it('that stays for five minutes has the network asked as seldom as on a healthy node', () => {
    const names: Finding = { code: 'KIOS_FAULT_DNS_DEAD', cause: 'resolve names: no reply' };
    expect([isUrgentAfter(names, 299), isUrgentAfter(names, 300)]).toEqual([true, false]);
  });

  it('of another part of the node has that part’s remedy', () => {
    const { last } = run([
      [0, [JOIN]],
      [10, [JOIN]],
    ]);
    expect(last?.faults).toEqual([
      {
        code: JOIN.code,
        cause: JOIN.cause,
        remedy: 'Mend it.',
        condition: 'KiosBootstrap',
        reason: 'Field',
        since: 0,
      },
    ]);
  });

  const codes = [CARRIER.code, CLOCK.code, JOIN.code, 'KIOS_FAULT_CSR', 'KIOS_FAULT_NAME_TAKEN'];
  const looks = fc.array(fc.subarray(codes), { maxLength: 20 });

  it('is never told without signs that lasted, and never kept without any', () => {
    fc.assert(
      fc.property(looks, (turns) => {
        let suspicions: Suspicions = new Map();
        const first = new Map<string, number>();
        for (const [turn, present] of turns.entries()) {
          const up = turn * 10;
          const judged = judge(
            suspicions,
            present.map((code) => ({ code, cause: 'x' })),
            up,
          );
          for (const code of present) if (!first.has(code)) first.set(code, up);
          const isSaid = judged.begun.every(
            ({ code, since }) => present.includes(code) && since >= (first.get(code) ?? up + 1),
          );
          const isFounded = judged.faults.every(({ code }) => first.has(code));
          const isGone = judged.ended.every(({ code }) => !present.includes(code));
          expect([isSaid, isFounded, isGone]).toEqual([true, true, true]);
          ({ suspicions } = judged);
        }
        const later = judge(suspicions, [], turns.length * 10 + 1000);
        expect([later.faults, later.suspicions.size]).toEqual([[], 0]);
      }),
    );
  });
});

describe('what a node tells', () => {
  const { last } = run([
    [0, [CARRIER, CLOCK]],
    [60, [CARRIER, CLOCK]],
  ]);

  it('is a condition of each kind', () => {
    expect(faultConditions(last?.faults ?? [])).toEqual([
      {
        type: 'KiosNetwork',
        status: 'False',
        reason: 'NoCarrier',
        message:
          'KIOS_FAULT_NO_CARRIER: cannot use eth0: nothing is connected. Check the cable and the port of the switch.',
      },
      expect.objectContaining({ type: 'KiosClock', status: 'False', reason: 'NoTimeSource' }),
      expect.objectContaining({ type: 'KiosStorage', status: 'True', reason: 'NoFault' }),
      expect.objectContaining({ type: 'KiosBootstrap', status: 'True', reason: 'NoFault' }),
      expect.objectContaining({ type: 'KiosUpdate', status: 'True', reason: 'NoFault' }),
    ]);
  });

  it('says that a system is on trial, which is no fault', () => {
    const update = { version: '0.2.0', isTrial: true, failed: undefined };
    expect(faultConditions([], update).at(-1)).toEqual({
      type: 'KiosUpdate',
      status: 'True',
      reason: 'OnTrial',
      message: 'kiOS 0.2.0 is on trial: the node goes back unless it stays Ready.',
    });
  });

  it('is an Event at the begin and at the end', () => {
    const [fault] = last?.faults ?? [];
    expect(noticesOf(fault ? [fault] : [], fault ? [fault] : [])).toEqual([
      {
        type: 'Warning',
        reason: 'NoCarrier',
        message: expect.stringContaining('Check the cable') as unknown,
      },
      { type: 'Normal', reason: 'NoCarrierOver', message: 'KIOS_FAULT_NO_CARRIER is over.' },
    ]);
  });

  it('has a remedy and a reason of one word for each fault', () => {
    const reasons = Object.values(CATALOGUE).map(({ reason }) => reason);
    expect(new Set(reasons).size).toBe(reasons.length);
    for (const { reason, remedy } of Object.values(CATALOGUE)) {
      expect(reason).toMatch(/^[A-Z][A-Za-z]+$/);
      expect(remedy).toMatch(/^[A-Z].*\.$/);
    }
  });
});
