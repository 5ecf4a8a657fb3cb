import { systemdNetworkd } from '@kios/testkit/dhcp';

import { describeServer } from '../support/netns/matrix.ts';

describeServer(systemdNetworkd);
