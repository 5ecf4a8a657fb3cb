import { iscDhcpd } from '@kios/testkit/dhcp';

import { describeServer } from './matrix.ts';

describeServer(iscDhcpd);
