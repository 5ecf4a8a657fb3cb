import { expect, it } from 'vitest';

import type { SeenEvent } from '../../../src/lab/qemu/console.ts';
import {
  diagnosedConditions,
  faultEvents,
  summaryOf,
  tellsFault,
} from '../../support/faults/healthy-watch.ts';

const line = (agent: string, ev: string, lvl: string): SeenEvent => ({
  agent,
  ev,
  lvl,
  up: 1,
  fields: {},
  seenAt: 1,
});

it('takes for a fault what the diagnosis tells, and what a part says to be an error', () => {
  const told = [line('bootstrap', 'fault', 'error'), line('init', 'data.failed', 'error')];
  const fine = [line('bootstrap', 'fault.over', 'info'), line('init', 'watchdog.none', 'info')];
  expect([...told, line('init', 'fatal', 'fatal')].filter(tellsFault)).toHaveLength(3);
  expect([...fine, line('init', 'lastrun', 'warn')].filter(tellsFault)).toEqual([]);
});

it('sums up a console by its warnings', () => {
  const warned = line('init', 'logport.failed', 'warn');
  const events = [line('init', 'init.start', 'info'), warned, warned, line('dhcp', 'late', 'warn')];
  expect(summaryOf(events)).toBe('4 lines, warnings: init logport.failed ×2, dhcp late');
  expect(summaryOf([])).toBe('0 lines, warnings: none');
});

it('reads the conditions and Events of the diagnosis, and no others', () => {
  const conditions = [
    { type: 'Ready', status: 'True', reason: 'KubeletReady' },
    { type: 'KiosClock', status: 'False', reason: 'NoTimeSource' },
  ];
  expect(diagnosedConditions({ status: { conditions } })).toEqual({
    KiosClock: 'False NoTimeSource',
  });
  const source = { component: 'kios-bootstrap' };
  const items = [
    { type: 'Warning', message: 'Rebooted', source: { component: 'kubelet' } },
    { type: 'Normal', message: 'Node joined', source },
    { type: 'Warning', message: 'KIOS_FAULT_MTU: cannot', source },
    { type: 'Warning' },
  ];
  expect(faultEvents({ items })).toEqual(['KIOS_FAULT_MTU: cannot']);
});
