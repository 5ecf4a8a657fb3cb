import * as v from 'valibot';

const text = v.optional(v.nullable(v.string()));
/** A partition, or what is built on a disk or partition: LVM, RAID, encryption. */
interface Part {
  readonly path: string;
  readonly type: string;
  readonly fstype?: string | null | undefined;
  readonly label?: string | null | undefined;
  readonly partlabel?: string | null | undefined;
  readonly mountpoints: readonly (string | null)[];
  readonly children?: readonly Part[] | undefined;
}
const partFields = {
  path: v.string(),
  type: v.string(),
  fstype: text,
  label: text,
  partlabel: text,
  mountpoints: v.array(v.nullable(v.string())),
};
const Part: v.GenericSchema<Part> = v.object({
  ...partFields,
  children: v.optional(v.array(v.lazy(() => Part))),
});
const Row = v.object({
  ...partFields,
  children: v.optional(v.array(Part)),
  kname: v.string(),
  pkname: text,
  size: v.number(),
  ro: v.boolean(),
  rm: v.boolean(),
  hotplug: v.boolean(),
  tran: text,
  vendor: text,
  model: text,
  serial: text,
  wwn: text,
  'log-sec': v.number(),
  'maj:min': v.string(),
});
const Listing = v.object({ blockdevices: v.array(Row) });

/** The columns of lsblk(8) that `parseDisks` reads. NAME makes it print a tree. */
export const COLUMNS =
  'NAME,PATH,TYPE,FSTYPE,LABEL,PARTLABEL,MOUNTPOINTS,KNAME,PKNAME,SIZE,RO,RM,HOTPLUG,TRAN,VENDOR,MODEL,SERIAL,WWN,LOG-SEC,MAJ:MIN';

/** A file system or something else that was found on a disk. */
export interface Volume {
  readonly path: string;
  /** As lsblk names it: disk, part, lvm, crypt, raid1 … */
  readonly type: string;
  readonly content: string | undefined;
  readonly label: string | undefined;
  readonly mountpoints: readonly string[];
}

/** What tells a disk from others, also from one that comes by the same name. */
export const DiskIdentity = v.object({
  /** The kernel's own path, such as /dev/sdb. */
  path: v.string(),
  bytes: v.number(),
  serial: v.optional(v.union([v.string(), v.undefined()])),
  wwn: v.optional(v.union([v.string(), v.undefined()])),
  model: v.optional(v.union([v.string(), v.undefined()])),
  /** Major and minor number of the device, such as 8:16. */
  number: v.string(),
});
export type DiskIdentity = Readonly<v.InferOutput<typeof DiskIdentity>>;

/** A block device of this machine. */
export interface Disk extends DiskIdentity {
  /** As the kernel names it, without /dev/. */
  readonly name: string;
  /** As lsblk names it: disk, part, loop, rom … */
  readonly type: string;
  /** For a partition, the kernel's name of its disk. */
  readonly parent: string | undefined;
  readonly sectorBytes: number;
  readonly readOnly: boolean;
  /** Whether it is made to be unplugged, as far as the kernel knows. */
  readonly removable: boolean;
  /** usb, nvme, sata, mmc … */
  readonly bus: string | undefined;
  /** What is on it, itself first if it has no partition table. */
  readonly volumes: readonly Volume[];
}

const said = (value: string | null | undefined): string | undefined =>
  value === null || value === undefined || value.trim() === '' ? undefined : value.trim();

/** Names the maker. Virtual disks give a number, and SATA bridges the word ATA. */
function vendorOf(vendor: string | null | undefined): string | undefined {
  const name = said(vendor);
  return name === undefined || /^(?:0x[0-9a-f]+|ATA)$/.test(name) ? undefined : name;
}

function volumesOf(part: Part): Volume[] {
  const own: Volume = {
    path: part.path,
    type: part.type,
    content: said(part.fstype),
    label: said(part.label) ?? said(part.partlabel),
    mountpoints: part.mountpoints.filter((point) => point !== null),
  };
  return [own, ...(part.children ?? []).flatMap(volumesOf)];
}

function diskOf(row: v.InferOutput<typeof Row>): Disk {
  const [own, ...others] = volumesOf(row);
  const isUsed = own!.content !== undefined || own!.mountpoints.length > 0;
  const model = [vendorOf(row.vendor), said(row.model)]
    .filter((word) => word !== undefined)
    .join(' ');
  return {
    path: row.path,
    name: row.kname,
    type: row.type,
    parent: said(row.pkname),
    bytes: row.size,
    sectorBytes: row['log-sec'],
    readOnly: row.ro,
    removable: row.rm || row.hotplug,
    bus: said(row.tran),
    model: said(model),
    serial: said(row.serial),
    wwn: said(row.wwn),
    number: row['maj:min'],
    volumes: isUsed ? [own!, ...others] : others,
  };
}

/** Parses what `lsblk --json --bytes --output COLUMNS` prints. */
export const parseDisks = (json: string): Disk[] =>
  v.parse(Listing, JSON.parse(json)).blockdevices.map(diskOf);

const NAMES = [
  ['path', 'path'],
  ['bytes', 'size'],
  ['serial', 'serial number'],
  ['wwn', 'WWN'],
  ['model', 'model'],
  ['number', 'device number'],
] as const;

/** Returns how two disks differ in what tells them apart, as a clause; undefined for the same one. */
export function difference(chosen: DiskIdentity, found: DiskIdentity): string | undefined {
  const [field, name] = NAMES.find(([field]) => chosen[field] !== found[field]) ?? [];
  if (field === undefined) return undefined;
  const [was, is] = [chosen[field] ?? 'unknown', found[field] ?? 'unknown'];
  return `its ${name} was ${was} when it was chosen and is ${is} now`;
}
