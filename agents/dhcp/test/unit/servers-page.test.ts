import { readFileSync } from 'node:fs';
import path from 'node:path';

import { dnsmasq, iscDhcpd, kea, npmDhcp, systemdNetworkd, udhcpd } from '@kios/testkit/dhcp';
import { expect, it } from 'vitest';

const page = readFileSync(path.join(import.meta.dirname, '../../../../docs/dhcp.md'), 'utf8');

it.each([dnsmasq, iscDhcpd, kea, udhcpd, systemdNetworkd, npmDhcp])(
  'docs/dhcp.md lists the features that $name cannot show, and why',
  ({ name, cannot }) => {
    const reasons = Object.entries(cannot).map(([feature, reason]) => `${feature}: ${reason}`);
    expect(page).toContain(`\n| ${name} | ${reasons.join('; ') || 'nothing'} |\n`);
  },
);
