import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { type Action, isOver, parseTurn, REQUESTS, TURN } from '../src/index.ts';
import { FleetModel } from './fleet-model.ts';

type Machine = FleetModel['machines'][number];

/** What happens next, and to which node. */
interface Happening {
  readonly what: keyof typeof HAPPENINGS;
  readonly node: number;
}

const HAPPENINGS = {
  run: (fleet: FleetModel, machine: Machine) => fleet.run(machine),
  kubelet: (fleet: FleetModel, machine: Machine) => fleet.kubelet(machine),
  kill: (fleet: FleetModel, machine: Machine) => fleet.kill(machine),
  stop: (fleet: FleetModel, machine: Machine) => fleet.stop(machine),
  notice: (fleet: FleetModel, machine: Machine) => fleet.notice(machine),
  place: (fleet: FleetModel, { name }: Machine) => fleet.place(name),
  crash: (fleet: FleetModel, machine: Machine) => fleet.crash(machine),
  powerOn: (fleet: FleetModel, machine: Machine) => fleet.powerOn(machine),
  hold: (fleet: FleetModel) => void (fleet.isHeld = !fleet.isHeld),
  pass: (fleet: FleetModel) => fleet.pass(40),
  withdraw: (fleet: FleetModel, { name }: Machine) => fleet.withdraw(name),
} as const;

const isWhat = (text: string): text is Happening['what'] => text in HAPPENINGS;

const anything = (weights: Partial<Record<Happening['what'], number>>): fc.Arbitrary<Happening> =>
  fc.record({
    what: fc.oneof(
      ...Object.keys(HAPPENINGS).flatMap((name) => {
        const weight = Object.entries(weights).find(([key]) => key === name)?.[1] ?? 0;
        return isWhat(name) && weight > 0 ? [{ weight, arbitrary: fc.constant(name) }] : [];
      }),
    ),
    node: fc.nat(3),
  });

const SIZE = 4;
const CALM = { run: 60, kubelet: 12, stop: 6, notice: 3 };
const ROUGH = { ...CALM, kill: 10, place: 3, crash: 1, powerOn: 2, hold: 1, pass: 1, withdraw: 1 };

/** Lets everything come to an end: nobody is killed any more, budgets allow, and what is off is switched on. */
function settle(fleet: FleetModel): void {
  fleet.isHeld = false;
  for (let round = 0; round < 600 && !fleet.isQuiet; round++)
    for (const machine of fleet.machines) {
      fleet.run(machine);
      fleet.kubelet(machine);
      fleet.stop(machine);
      fleet.notice(machine);
      if (round % 20 === 19) fleet.powerOn(machine);
    }
}

const ask = (fleet: FleetModel, action: Action, most: number, who = fleet.machines): void =>
  who.forEach(({ name }) => fleet.request(name, action, most, name));

const stateOf = (fleet: FleetModel, name: string) => {
  const { isReady, isCordoned, annotations } = fleet.at(name);
  const asked = Object.values(REQUESTS).filter((key) => annotations[key] !== undefined);
  const turn = parseTurn(annotations[TURN]);
  return { isReady, isCordoned, asked, isOver: turn === undefined || isOver(turn) };
};

const AT_REST = { isReady: true, isCordoned: false, asked: [], isOver: true };

function play(fleet: FleetModel, happenings: readonly Happening[], check: () => void): void {
  for (const { what, node } of happenings) {
    const machine = fleet.machines[node];
    if (machine !== undefined) HAPPENINGS[what](fleet, machine);
    check();
  }
}

describe('a fleet whose agents are killed at any call', () => {
  const scenario = fc.record({
    most: fc.integer({ min: 1, max: 2 }),
    action: fc.constantFrom<Action>('reboot', 'poweroff'),
    happenings: fc.array(anything(ROUGH), { maxLength: 600, size: 'max' }),
  });

  it(
    'never has more nodes away than may be, and all of them come back',
    { timeout: 120_000 },
    () => {
      fc.assert(
        fc.property(scenario, ({ most, action, happenings }) => {
          const fleet = new FleetModel(SIZE);
          const check = (): void => {
            const taken = fleet.taken();
            if (taken.length > most) throw new Error(`away: ${taken.join(', ')}`);
          };
          ask(fleet, action, most);
          play(fleet, happenings, check);
          settle(fleet);
          check();
          for (const { name } of fleet.machines) expect(stateOf(fleet, name)).toEqual(AT_REST);
          expect(fleet.holders).toEqual([]);
        }),
        { numRuns: 150 },
      );
    },
  );

  it('keeps the cordons of others', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(scenario, fc.integer({ min: 0, max: SIZE - 1 }), (given, foreign) => {
        const fleet = new FleetModel(SIZE);
        fleet.cordon(`n${foreign}`);
        ask(fleet, given.action, given.most);
        play(fleet, given.happenings, () => expect(fleet.at(`n${foreign}`).isCordoned).toBe(true));
        settle(fleet);
        for (const { name } of fleet.machines)
          expect(stateOf(fleet, name).isCordoned).toBe(name === `n${foreign}`);
      }),
      { numRuns: 100 },
    );
  });

  it('boots each node once for one request', { timeout: 120_000 }, () => {
    const calm = fc.array(anything({ ...CALM, kill: 12 }), { maxLength: 600, size: 'max' });
    fc.assert(
      fc.property(calm, (happenings) => {
        const fleet = new FleetModel(SIZE);
        ask(fleet, 'reboot', 1);
        play(fleet, happenings, () => {});
        settle(fleet);
        expect(fleet.machines.map(({ boots }) => boots)).toEqual([2, 2, 2, 2]);
        for (const { name } of fleet.machines)
          expect(parseTurn(fleet.annotations(name)[TURN])?.phase).toBe('done');
      }),
      { numRuns: 100 },
    );
  });

  it('takes a second request after the first', () => {
    const fleet = new FleetModel(SIZE);
    for (const boots of [2, 3, 4]) {
      ask(fleet, 'reboot', 1);
      settle(fleet);
      expect(fleet.machines.map((machine) => machine.boots)).toEqual(Array(SIZE).fill(boots));
    }
  });

  it('powers a fleet off one after another, and what is off holds up nobody', () => {
    const fleet = new FleetModel(SIZE);
    ask(fleet, 'poweroff', 1);
    for (let round = 0; round < 300; round++)
      for (const machine of fleet.machines) {
        fleet.run(machine);
        fleet.kubelet(machine);
        fleet.stop(machine);
        fleet.notice(machine);
      }
    expect(fleet.machines.map(({ isUp }) => isUp)).toEqual(Array(SIZE).fill(false));
    settle(fleet);
    for (const { name } of fleet.machines) expect(stateOf(fleet, name)).toEqual(AT_REST);
  });

  it('goes no further behind a node that does not come back', () => {
    const fleet = new FleetModel(SIZE);
    const [first, ...others] = fleet.machines;
    if (first === undefined) throw new Error('no node');
    ask(fleet, 'reboot', 1, [first]);
    for (let calls = 0; first.ordered === undefined && calls < 100; calls++) fleet.run(first);
    fleet.kill(first);
    Object.assign(first, { isUp: false, ordered: undefined });
    ask(fleet, 'reboot', 1, others);
    for (let round = 0; round < 100; round++) {
      fleet.notice(first);
      for (const machine of others) {
        fleet.run(machine);
        fleet.kubelet(machine);
      }
    }
    expect(others.map(({ boots }) => boots)).toEqual([1, 1, 1]);
    const message = parseTurn(fleet.annotations('n1')[TURN])?.message;
    expect(message).toBe('waits for n0');
  });
});
