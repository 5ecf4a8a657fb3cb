import { expect, it } from 'vitest';

import { kubeletAway } from '../../../src/bench/bootstrap.ts';
import { median } from '../../../src/bench/median.ts';
import type { ConsoleEvent } from '../../../src/lab/qemu/console-line.ts';

const event = (up: number, ev: string, agent = 'init'): ConsoleEvent => ({
  up,
  lvl: 'info',
  agent,
  ev,
  fields: {},
});

it('kubelet is away from the order to restart it until it is ready again', () => {
  const events = [
    event(3, 'kubelet.ready'),
    event(9, 'control', 'bootstrap'),
    event(10, 'control'),
    event(10.2, 'kubelet.start'),
    event(12.5, 'kubelet.ready'),
    event(40, 'kubelet.ready'),
  ];
  expect(kubeletAway(events)).toBeCloseTo(2.5);
});

it('a kubelet that was not restarted or did not come back has no figure', () => {
  expect(kubeletAway([event(3, 'kubelet.ready')])).toBeUndefined();
  expect(kubeletAway([event(3, 'kubelet.ready'), event(10, 'control')])).toBeUndefined();
});

it('the median is a measured value, rounded to a tenth', () => {
  expect(median([300, 1.26, 2])).toBe(2);
  expect(median([7.04])).toBe(7);
});
