import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { readExtra } from '../../../src/core/chronyd/extra.ts';

const GOOD = [
  'authselectmode require',
  'bindacqaddress 192.0.2.1',
  'bindacqdevice eth0',
  'clockprecision 1e-9',
  'combinelimit 0',
  'corrtimeratio 3',
  'dscp 46',
  'fallbackdrift 16 19',
  'LeapSecMode slew',
  'logchange 0.5',
  'maxclockerror 10',
  'maxdistance 1.0',
  'maxdrift 100',
  'maxjitter 0.1',
  'maxsamples 20',
  'maxslewrate 500',
  'maxupdateskew 5',
  'minsamples 6',
  'minsources 2',
  'nosystemcert',
  'ntsrefresh 86400',
  'ntstrustedcerts /etc/kios/time/ca.pem',
  'reselectdist 1e-4',
  'stratumweight 0.01',
];

describe('the lines of extra', () => {
  it('are taken as they are, without comments and empty lines', () => {
    const text = `# mine\n\n  ${GOOD.join('\n')}\r\n! more\n`;
    expect(readExtra(text, '/etc/kios/time')).toEqual({ lines: GOOD, faults: [] });
  });

  it.each([
    ['logchange\u00a00.5', 'logchange 0.5'],
    [`logchange${' '.repeat(3000)}0.5`, 'logchange 0.5'],
    ['fallbackdrift\t16\u2003 19\r', 'fallbackdrift 16 19'],
  ])('have blanks that chronyd knows, as few as may be: %j', (line, taken) => {
    expect(readExtra(line, '/etc/kios/time')).toEqual({ lines: [taken], faults: [] });
  });

  it('name no file by a path that makes a line too long for chronyd', () => {
    const file = `/etc/kios/time${'/'.repeat(2100)}ca.pem`;
    const { lines, faults } = readExtra(`ntstrustedcerts ${file}`, '/etc/kios/time');
    expect(lines).toEqual([]);
    expect(faults).toHaveLength(1);
  });

  it.skipIf(spawnSync('chronyd', ['--version']).status !== 0)(
    'are lines with which the installed chronyd starts',
    () => {
      const dir = mkdtempSync(path.join(tmpdir(), 'kios-extra-'));
      try {
        writeFileSync(`${dir}/chrony.conf`, `port 0\n${GOOD.join('\n')}\n`);
        const { status, stderr } = spawnSync('chronyd', ['-p', '-f', `${dir}/chrony.conf`], {
          encoding: 'utf8',
        });
        expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      } finally {
        rmSync(dir, { recursive: true });
      }
    },
  );

  it.each([
    ['maxdrift', 'maxdrift takes 1 arguments, not 0'],
    ['maxdrift 1 2', 'maxdrift takes 1 arguments, not 2'],
    ['maxdrift 100 # slow', 'maxdrift takes 1 arguments, not 3'],
    ['maxdrift -1', '-1 is not a number above 0'],
    ['maxdrift inf', 'inf is not a number above 0'],
    ['maxdrift 1x', '1x is not a number above 0'],
    ['maxdrift 0', '0 is not a number above 0'],
    ['combinelimit -1', '-1 is not a number from 0 on'],
    ['minsources 2.5', '2.5 is not a whole number from 1 to 64'],
    ['dscp 64', '64 is not a whole number from 0 to 63'],
    ['leapsecmode never', 'never is not one of system, step, slew, ignore'],
    ['bindacqaddress eth0', 'eth0 is not an IP address'],
    ['bindacqdevice eth0/../x', 'eth0/../x is not a network interface'],
    ['ntstrustedcerts /etc/shadow', '/etc/shadow is not a file below /etc/kios/time'],
    ['acquisitionport 1123', 'acquisitionport is not a directive that may be given'],
    ['maxdrfit 100', 'maxdrfit is not a directive that may be given'],
    ['constructor', 'constructor is not a directive that may be given'],
    ['allow all', 'allow is not a directive that may be given'],
    ['include /etc/kios/time/x', 'include is not a directive that may be given'],
    ['server 192.0.2.1', 'server has a setting of its own: servers'],
    ['makestep 1 -1', 'makestep has a setting of its own: makestep'],
    ['nocerttimecheck 1', 'nocerttimecheck has a setting of its own: ntsBootstrap'],
    ['refclock PHC /dev/ptp9', 'refclock has a setting of its own: useHypervisorClock'],
  ])('without %j, which chronyd might not start with', (line, why) => {
    const text = `logchange 1\n${line}\nminsources 2`;
    const lines = ['logchange 1', 'minsources 2'];
    expect(readExtra(text, '/etc/kios/time')).toEqual({ lines, faults: [{ line: 1, why }] });
  });
});
