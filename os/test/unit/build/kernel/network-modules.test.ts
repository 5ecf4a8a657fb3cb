import { expect, it } from 'vitest';

import { parseModuleIndex } from '../../../../src/build/kernel/module-index.ts';
import { planNetworkModules } from '../../../../src/build/kernel/network-modules.ts';

const DEP = `kernel/drivers/net/ethernet/intel/igb/igb.ko: kernel/drivers/i2c/algos/i2c-algo-bit.ko kernel/drivers/dca/dca.ko
kernel/drivers/i2c/algos/i2c-algo-bit.ko:
kernel/drivers/dca/dca.ko:
kernel/drivers/net/ethernet/realtek/r8169.ko: kernel/drivers/net/phy/libphy.ko
kernel/drivers/net/phy/realtek.ko: kernel/drivers/net/phy/libphy.ko
kernel/drivers/net/phy/libphy.ko:
kernel/drivers/net/usb/r8152.ko: kernel/drivers/net/mii.ko
kernel/drivers/net/mii.ko:
kernel/drivers/net/wireguard/wireguard.ko:
kernel/drivers/scsi/megaraid/megaraid_sas.ko:
`;
const ALIAS = `# Aliases extracted from modules themselves.
alias pci:v00008086d00001533sv*sd*bc*sc*i* igb
alias pci:v000010ECd00008168sv*sd*bc*sc*i* r8169
alias mdio:0000000000011100110010??????????  realtek
alias usb:v0BDAp8152d*dc*dsc*dp*ic*isc*ip*in* r8152
alias rtnl-link-wireguard wireguard
alias pci:v00001000d00000060sv*sd*bc*sc*i* megaraid_sas
alias pci:v00001AF4d00001000sv*sd*bc*sc*i* virtio_net
`;
const SOFTDEP = `# Soft dependencies extracted from modules themselves.
softdep r8169 pre: realtek
softdep igb post: nothing-before
softdep r8152 pre: mii post: cdc-ncm
`;

it('has the drivers of network cards that are modules, each after what it needs', () => {
  expect(planNetworkModules(parseModuleIndex(DEP, '', ALIAS, SOFTDEP)).split('\n')).toEqual([
    'alias pci:v00008086d00001533sv*sd*bc*sc*i* kernel/drivers/dca/dca.ko kernel/drivers/i2c/algos/i2c-algo-bit.ko kernel/drivers/net/ethernet/intel/igb/igb.ko',
    // Without the driver of its PHY this one refuses the card.
    'alias pci:v000010ECd00008168sv*sd*bc*sc*i* kernel/drivers/net/phy/libphy.ko kernel/drivers/net/phy/realtek.ko kernel/drivers/net/ethernet/realtek/r8169.ko',
    'alias usb:v0BDAp8152d*dc*dsc*dp*ic*isc*ip*in* kernel/drivers/net/mii.ko kernel/drivers/net/usb/r8152.ko',
    '',
  ]);
});

it('is empty for a kernel that has them built in', () => {
  expect(planNetworkModules(parseModuleIndex('', 'kernel/drivers/net/virtio_net.ko\n', ALIAS))).toBe(''); // prettier-ignore
});
