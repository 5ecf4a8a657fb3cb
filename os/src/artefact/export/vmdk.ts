import type { FileHandle } from 'node:fs/promises';

import { readAt } from '../kind.ts';

const SECTOR = 512;
/** QEMU writes the number without leading zeros: every sixteenth is shorter than eight digits. */
const CID = /^CID=[0-9a-f]{1,8}$/m;

/**
 * Returns a VMDK's descriptor, padded with zero bytes as it was, with a content identifier of eight hexadecimal digits.
 * It fails for text without such an identifier, and for one that leaves no room.
 */
export function withContentId(descriptor: Buffer, id: string): Buffer {
  const text = descriptor.toString('latin1').replace(/\0+$/, '');
  const changed = text.replace(CID, `CID=${id}`);
  if (!CID.test(text)) throw new Error('no content identifier in the VMDK');
  if (changed.length > descriptor.length) throw new Error('no room in the descriptor of the VMDK');
  const result = Buffer.alloc(descriptor.length);
  result.write(changed, 'latin1');
  return result;
}

/** Gives the descriptor of a VMDK a content identifier that depends only on the image. */
export async function steadyVmdk(file: FileHandle, sha256: string): Promise<void> {
  const header = await readAt(file, 0, SECTOR);
  if (header.toString('latin1', 0, 4) !== 'KDMV') throw new Error('no header of a VMDK');
  const [at, bytes] = [header.readBigUInt64LE(28), header.readBigUInt64LE(36)].map(
    (sectors) => Number(sectors) * SECTOR,
  );
  const descriptor = await readAt(file, at!, bytes!);
  // All ones and the value before it are reserved.
  const id = (Number.parseInt(sha256.slice(0, 8), 16) & 0x7fff_ffff).toString(16).padStart(8, '0');
  await file.write(withContentId(descriptor, id), 0, bytes, at);
}

/** What the OVF says about a virtual machine; the importer may change all of it. */
export interface OvfMachine {
  readonly name: string;
  /** File name and size of the VMDK, and the capacity of its disk. */
  readonly file: string;
  readonly fileBytes: number;
  readonly diskBytes: number;
  readonly version: string;
}

/** A device of the OVF's hardware section, by CIM's resource type. */
const item = (fields: Readonly<Record<string, string | number>>): string =>
  `      <Item>${Object.entries(fields)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `<rasd:${name}>${value}</rasd:${name}>`)
    .join('')}</Item>`;

const DEVICES = [
  { InstanceID: 1, ResourceType: 3, ElementName: 'CPU', VirtualQuantity: 2 },
  {
    InstanceID: 2,
    ResourceType: 4,
    ElementName: 'Memory',
    AllocationUnits: 'byte * 2^20',
    VirtualQuantity: 2048,
  },
  {
    InstanceID: 3,
    ResourceType: 6,
    ResourceSubType: 'VirtualSCSI',
    ElementName: 'SCSI',
    Address: 0,
  },
  {
    InstanceID: 4,
    ResourceType: 17,
    ElementName: 'Disk',
    HostResource: 'ovf:/disk/disk',
    Parent: 3,
    AddressOnParent: 0,
  },
  {
    InstanceID: 5,
    ResourceType: 10,
    ResourceSubType: 'VmxNet3',
    ElementName: 'Network',
    Connection: 'network',
    AddressOnParent: 7,
    AutomaticAllocation: 'true',
  },
] as const;

/** Describes a virtual machine with UEFI firmware for VMware (DMTF DSP0243 1.1, with VMware's settings). */
export function makeOvf({ name, file, fileBytes, diskBytes, version }: OvfMachine): string {
  const format = 'http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized';
  return `<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData" xmlns:vmw="http://www.vmware.com/schema/ovf">
  <References><File ovf:id="file" ovf:href="${file}" ovf:size="${fileBytes}"/></References>
  <DiskSection>
    <Info>The disk of the node</Info>
    <Disk ovf:diskId="disk" ovf:fileRef="file" ovf:capacity="${diskBytes}" ovf:capacityAllocationUnits="byte" ovf:format="${format}"/>
  </DiskSection>
  <NetworkSection>
    <Info>A network with DHCP</Info>
    <Network ovf:name="network"><Description>The network of the nodes</Description></Network>
  </NetworkSection>
  <VirtualSystem ovf:id="${name}">
    <Info>A Kubernetes node</Info>
    <Name>${name}</Name>
    <ProductSection><Info>kiOS</Info><Product>kiOS</Product><Version>${version}</Version></ProductSection>
    <OperatingSystemSection ovf:id="101" vmw:osType="otherLinux64Guest"><Info>Linux</Info></OperatingSystemSection>
    <VirtualHardwareSection>
      <Info>UEFI, a paravirtual SCSI disk and a VMXNET3 card</Info>
      <System><vssd:ElementName>Virtual Hardware Family</vssd:ElementName><vssd:InstanceID>0</vssd:InstanceID><vssd:VirtualSystemType>vmx-14</vssd:VirtualSystemType></System>
${DEVICES.map(item).join('\n')}
      <vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="efi"/>
      <vmw:Config ovf:required="false" vmw:key="bootOptions.efiSecureBootEnabled" vmw:value="false"/>
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
`;
}
