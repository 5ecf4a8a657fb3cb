import { describeNetworks } from '../support/netns/four-events.ts';
import { KERNEL_NETWORKS } from '../support/netns/kernel-networks.ts';

// Emulated, each program takes many times as long to start.
describeNetworks(KERNEL_NETWORKS, 5);
