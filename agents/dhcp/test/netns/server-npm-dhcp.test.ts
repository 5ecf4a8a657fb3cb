import { npmDhcp } from '@kios/testkit/dhcp';

import { describeServer } from './matrix.ts';

describeServer(npmDhcp);
