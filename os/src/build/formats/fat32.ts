import { type ByteRange, joinRanges } from './byte-range.ts';

/** FAT32 (Microsoft, "FAT: General Overview of On-Disk Format", version 1.03, sections 3 and 4). */
export interface Fat32 {
  /** The first table of clusters. */
  readonly table: ByteRange;
  /** Byte offset of cluster 2, the first one. */
  readonly dataAt: number;
  readonly clusterBytes: number;
  readonly clusters: number;
}

/** Bytes of the boot sector that describe the file system. */
export const FAT32_BOOT_BYTES = 512;
const ENTRY = 4;
const FIRST_CLUSTER = 2;

/** Decodes a boot sector; undefined when it is not FAT32's. */
export function decodeFat32(boot: Buffer): Fat32 | undefined {
  if (boot.length < FAT32_BOOT_BYTES || boot.toString('latin1', 82, 87) !== 'FAT32') return;
  const [sector, perCluster] = [boot.readUInt16LE(11), boot.readUInt8(13)];
  const [reserved, tables] = [boot.readUInt16LE(14), boot.readUInt8(16)];
  const [sectors, tableSectors] = [boot.readUInt32LE(32), boot.readUInt32LE(36)];
  const dataSector = reserved + tables * tableSectors;
  const clusters = Math.floor((sectors - dataSector) / perCluster);
  const hasRoom = tableSectors * sector >= (clusters + FIRST_CLUSTER) * ENTRY;
  if (sector < FAT32_BOOT_BYTES || !(clusters > 0) || !hasRoom) return;
  return {
    table: { offset: reserved * sector, bytes: (clusters + FIRST_CLUSTER) * ENTRY },
    dataAt: dataSector * sector,
    clusterBytes: perCluster * sector,
    clusters,
  };
}

/** Returns the bytes that belong to something: boot sectors, tables, folders and files. */
export function usedInFat32(fat: Fat32, table: Buffer): ByteRange[] {
  const used: ByteRange[] = [{ offset: 0, bytes: fat.dataAt }];
  for (let index = 0; index < fat.clusters; index += 1) {
    // The upper four bits of an entry are reserved.
    const next = table.readUInt32LE((index + FIRST_CLUSTER) * ENTRY) & 0x0fff_ffff;
    if (next !== 0)
      used.push({ offset: fat.dataAt + index * fat.clusterBytes, bytes: fat.clusterBytes });
  }
  return joinRanges(used);
}
