import { dnsmasq } from '@kios/testkit/dhcp';

import { describeServer } from '../support/netns/matrix.ts';

describeServer(dnsmasq);
