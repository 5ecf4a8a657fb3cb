import { expect, it } from 'vitest';

import { planEarlyModules } from '../../../../src/build/kernel/early-modules.ts';
import { parseModuleIndex } from '../../../../src/build/kernel/module-index.ts';

const DEP = `kernel/fs/overlayfs/overlay.ko:
kernel/fs/erofs/erofs.ko: kernel/lib/libcrc32c.ko kernel/fs/netfs/netfs.ko
kernel/fs/netfs/netfs.ko:
kernel/lib/libcrc32c.ko:
kernel/arch/x86/crypto/crc32c-intel.ko:
kernel/fs/ext4/ext4.ko: kernel/fs/mbcache.ko kernel/fs/jbd2/jbd2.ko kernel/lib/crc16.ko
kernel/fs/mbcache.ko:
kernel/fs/jbd2/jbd2.ko:
kernel/lib/crc16.ko:
kernel/drivers/block/virtio_blk.ko: kernel/drivers/virtio/virtio.ko kernel/drivers/virtio/virtio_ring.ko
kernel/drivers/virtio/virtio.ko:
kernel/drivers/virtio/virtio_ring.ko:
kernel/drivers/usb/storage/usb-storage.ko.xz:
kernel/sound/snd.ko:
kernel/drivers/char/tpm/tpm_tis.ko: kernel/drivers/char/tpm/tpm_tis_core.ko
kernel/drivers/char/tpm/tpm_tis_core.ko:
kernel/drivers/char/tpm/tpm_crb.ko:
`;
const ALIAS = `# Aliases extracted from modules themselves.
alias virtio:d00000002v* virtio_blk
alias usb:v0000p*ic08* usb_storage
alias pci:v00001234* snd
alias fs-ext4 ext4
`;
const BUILTIN = 'kernel/fs/isofs/isofs.ko\nkernel/drivers/nvme/host/nvme.ko\n';

const table = (dep = DEP, builtin = BUILTIN, alias = ALIAS): string[] =>
  planEarlyModules(parseModuleIndex(dep, builtin, alias))
    .table.trimEnd()
    .split('\n');

it('loads the modules of the root first, after their dependencies', () => {
  expect(table()[0]).toBe(
    'always kernel/arch/x86/crypto/crc32c-intel.ko kernel/lib/libcrc32c.ko kernel/fs/netfs/netfs.ko kernel/fs/erofs/erofs.ko kernel/fs/overlayfs/overlay.ko',
  );
});

it('knows the modules of a file system', () => {
  expect(table()).toContain(
    'fs ext4 kernel/lib/crc16.ko kernel/fs/jbd2/jbd2.ko kernel/fs/mbcache.ko kernel/fs/ext4/ext4.ko',
  );
});

it('knows the drivers of TPMs for encrypted volumes', () => {
  expect(table()).toContain(
    'fs crypto_LUKS kernel/drivers/char/tpm/tpm_tis_core.ko kernel/drivers/char/tpm/tpm_tis.ko kernel/drivers/char/tpm/tpm_crb.ko',
  );
});

it('has no rule for a module that is built in', () => {
  expect(table().join('\n')).not.toMatch(/iso9660|nvme/);
});

it('takes the aliases of disks and their buses, and no others', () => {
  expect(table().filter((rule) => rule.startsWith('alias'))).toEqual([
    'alias virtio:d00000002v* kernel/drivers/virtio/virtio_ring.ko kernel/drivers/virtio/virtio.ko kernel/drivers/block/virtio_blk.ko',
    'alias usb:v0000p*ic08* kernel/drivers/usb/storage/usb-storage.ko.xz',
  ]);
});

it('puts only modules into the initramfs that are loaded before the root is mounted', () => {
  const { table: text, beforeRoot } = planEarlyModules(parseModuleIndex(DEP, BUILTIN, ALIAS));
  const [always = ''] = text.split('\n');
  expect(beforeRoot).toEqual(always.split(' ').slice(1).toSorted());
  expect(text).toContain('ext4.ko');
  expect(beforeRoot.join(' ')).not.toContain('ext4.ko');
});

it('makes an empty table for a kernel that has everything built in', () => {
  expect(planEarlyModules(parseModuleIndex('', '', ''))).toEqual({ table: '', beforeRoot: [] });
});
