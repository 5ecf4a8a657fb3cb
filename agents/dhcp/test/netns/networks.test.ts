import { describeNetworks } from '../support/netns/four-events.ts';
import { NETWORKS } from '../support/netns/networks.ts';

describeNetworks(NETWORKS, 2);
