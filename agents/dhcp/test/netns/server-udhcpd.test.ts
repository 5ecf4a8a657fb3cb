import { udhcpd } from '@kios/testkit/dhcp';

import { describeServer } from './matrix.ts';

describeServer(udhcpd);
