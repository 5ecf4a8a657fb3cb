import { kea } from '@kios/testkit/dhcp';

import { describeServer } from './matrix.ts';

describeServer(kea);
