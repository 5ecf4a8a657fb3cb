import { iscDhcpd } from '@kios/testkit/dhcp';

import { describeServer } from '../support/netns/matrix.ts';

describeServer(iscDhcpd);
