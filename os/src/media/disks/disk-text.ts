import { formatDiskSize } from '../../workstation/terminal/size.ts';
import { formatTable } from '../../workstation/terminal/table.ts';
import type { Disk } from './disk.ts';
import { type Refusal, refusalOf, type Wanted } from './refusal.ts';

/** A disk and whether it may be written to. */
export interface Candidate {
  readonly disk: Disk;
  readonly refusal: Refusal | undefined;
}

export const judge = (disks: readonly Disk[], wanted: Wanted): Candidate[] =>
  disks.map((disk) => ({ disk, refusal: refusalOf(disk, wanted) }));

/** Names what is on a disk, so that its owner knows it again: `vfat KIOS, ext4 kios-data`. */
export function formatContent({ volumes }: Disk): string {
  const words = volumes.flatMap(({ content, label }) => {
    const text = [content, label].filter((word) => word !== undefined).join(' ');
    return text === '' ? [] : [text];
  });
  return words.length === 0 ? 'nothing known' : words.join(', ');
}

export function formatCandidates(candidates: readonly Candidate[]): string[] {
  if (candidates.length === 0) return ['No disk is plugged in.'];
  const rows = candidates.map(({ disk, refusal }) => [
    disk.name,
    formatDiskSize(disk.bytes),
    disk.bus ?? '-',
    disk.model ?? '-',
    disk.serial ?? '-',
    formatContent(disk),
    refusal === undefined ? '' : `no: ${refusal.reason}`,
  ]);
  return formatTable([['NAME', 'SIZE', 'BUS', 'MODEL', 'SERIAL', 'HOLDS', ''], ...rows]);
}

/** Describes one disk in a line: `/dev/sdb, 31.9 GB, usb, SanDisk Ultra, serial 4C53`. */
export const formatDisk = ({ path, bytes, bus, model, serial }: Disk): string =>
  [
    path,
    formatDiskSize(bytes),
    bus,
    model,
    serial === undefined ? 'no serial number' : `serial ${serial}`,
  ]
    .filter((word) => word !== undefined)
    .join(', ');

/** A candidate as `--json` prints it. */
export function candidateRecord({ disk, refusal }: Candidate): object {
  const { path, bytes, bus, model, serial, removable } = disk;
  return {
    path,
    bytes,
    bus: bus ?? null,
    model: model ?? null,
    serial: serial ?? null,
    removable,
    holds: disk.volumes.map(({ path, type, content, label, mountpoints }) => ({
      path,
      type,
      content: content ?? null,
      label: label ?? null,
      mountpoints,
    })),
    refusal: refusal ?? null,
  };
}
