/**
 * Prints what it costs to read the indexes of a kernel and to look up what a virtual machine has, in this process:
 * `measure-index-main.ts /lib/modules/VERSION binary|text`, under the shipped runtime as it is shipped.
 */
import { readFileSync } from 'node:fs';

import { emptyConfig } from '../../src/core/index/modprobe-config.ts';
import { ModuleIndex } from '../../src/core/index/module-index.ts';
import { readIndexFile } from '../../src/edge/loading/module-files.ts';

const ALIASES = `virtio:d00000001v00001AF4 virtio:d00000002v00001AF4 virtio:d00000004v00001AF4
virtio:d00000005v00001AF4 pci:v00001AF4d00001041sv00001AF4sd00001100bc02sc00i00
pci:v00001AF4d00001042sv00001AF4sd00001100bc01sc00i00 pci:v00008086d000029C0sv00001AF4sd00001100bc06sc00i00
pci:v00008086d00002918sv00001AF4sd00001100bc06sc01i00 pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01
pci:v00008086d00002930sv00001AF4sd00001100bc0Csc05i00 acpi:PNP0303: acpi:PNP0F13: acpi:PNP0501: acpi:PNP0400:
acpi:PNP0B00: acpi:QEMU0002: acpi:ACPI0010:PNP0A05: acpi:LNXCPU: acpi:LNXPWRBN: platform:pcspkr platform:rtc_cmos
platform:serial8250 platform:reg-dummy input:b0011v0001p0001eAB41-e0,1,4,11,14,k71 serio:ty06pr00id00ex00
cpu:type:x86,ven0000fam0006mod0055:feature:,0000,0001,0002,0003 dmi:bvnEFI:bvr0.0.0 nvme_core overlay veth bridge
nf_tables xt_comment`.split(/\s+/);

const [folder = '', form = 'binary'] = process.argv.slice(2);
const start = process.cpuUsage();
const index = new ModuleIndex(
  (file) => (form === 'text' && file.endsWith('.bin') ? '' : readIndexFile(folder, file)),
  emptyConfig(),
);
for (const alias of ALIASES)
  for (const name of index.lookup(alias)?.names ?? []) index.probeList(name);
const { user, system } = process.cpuUsage(start);
const [, privateKiB] = /^RssAnon:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? [];
process.stdout.write(
  `${form}: ${ALIASES.length} names, ${(user + system) / 1000} ms of processor time, ${privateKiB} KiB private\n`,
);
