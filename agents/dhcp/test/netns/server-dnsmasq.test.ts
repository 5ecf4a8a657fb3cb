import { dnsmasq } from '@kios/testkit/dhcp';

import { describeServer } from './matrix.ts';

describeServer(dnsmasq);
