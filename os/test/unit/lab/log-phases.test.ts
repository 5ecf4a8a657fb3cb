import { expect, it } from 'vitest';

import { readBoot } from '../../../src/lab/log-phases.ts';

const line = (up: number, agent: string, ev: string, more: object = {}): string =>
  `${JSON.stringify({ t: '2026-11-27T00:00:00Z', up, lvl: 'info', agent, ev, ...more })}\r\n`;

const BOOT = [
  line(3.2, 'init', 'init.start'),
  '[    3.300000] mmc0: new high speed SD card\r\n',
  line(4.2, 'init', 'containerd.start'),
  line(5.5, 'init', 'containerd.ready'),
  line(6, 'init', 'data.missing', { lvl: 'warn', code: 'KIOS_INIT_DATA_PARTITION' }),
  `pod kube-system/dhcp: ${line(7.5, 'dhcp', 'start')}`,
];

it('tells the phases of the last boot in a log, and what went wrong', () => {
  const earlier = [line(2, 'init', 'init.start'), line(99, 'dhcp', 'lease.bound')];
  const boot = readBoot([...earlier, ...BOOT].join(''));
  expect(boot?.phases.filter(({ at }) => at !== undefined)).toEqual([
    { name: 'kernel', at: 3.2 },
    { name: 'init', at: 4.2 },
    { name: 'runtime', at: 5.5 },
    { name: 'first static pod', at: 7.5 },
  ]);
  expect(boot?.phases.find(({ name }) => name === 'lease')?.at).toBeUndefined();
  expect(boot?.faults).toEqual([{ at: 6, ev: 'data.missing', code: 'KIOS_INIT_DATA_PARTITION' }]);
});

it('finds the code that an agent has inside its error', () => {
  const late = line(8, 'dhcp', 'lease.failed', { lvl: 'error', err: { code: 'KIOS_DHCP_X' } });
  expect(readBoot([...BOOT, late].join(''))?.faults.at(-1)?.code).toBe('KIOS_DHCP_X');
});

it('does not take a pod’s own words for a boot', () => {
  expect(readBoot(`pod default/x: ${line(1, 'init', 'init.start')}`)).toBeUndefined();
  expect(readBoot('U-Boot 2025.01\r\n')).toBeUndefined();
});
