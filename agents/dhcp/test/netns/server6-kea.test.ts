import { kea6 } from '@kios/testkit/dhcp';

import { describeServer6 } from '../support/netns/matrix6.ts';

describeServer6(kea6);
