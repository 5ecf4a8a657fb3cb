/** Machine types of the Microsoft PE/COFF specification. */
export const MACHINES = { amd64: 0x8664, arm64: 0xaa64 } as const;
export const EFI_APPLICATION = 10;
export const EXECUTABLE = 0x2000_0000;
export const WRITABLE = 0x8000_0000;
/** Index of the table of relocations among the data directories. */
const RELOCATIONS = 5;

export interface PeSection {
  readonly name: string;
  readonly address: number;
  readonly size: number;
  readonly offset: number;
  readonly flags: number;
}

/** A PE32+ file, as a loader sees it. */
export interface Pe {
  readonly machine: number;
  /** Where the file has the machine type. */
  readonly machineAt: number;
  readonly timestamp: number;
  readonly subsystem: number;
  /** Address of the first instruction. */
  readonly entry: number;
  readonly imageBytes: number;
  readonly relocationBytes: number;
  readonly sections: readonly PeSection[];
}

/** Reads the headers of a PE32+ file, without the code that makes such files. */
export function readPe(file: Buffer): Pe {
  const coff = file.readUInt32LE(60) + 4;
  const optional = coff + 20;
  const table = optional + file.readUInt16LE(coff + 16);
  return {
    machine: file.readUInt16LE(coff),
    machineAt: coff,
    timestamp: file.readUInt32LE(coff + 4),
    subsystem: file.readUInt16LE(optional + 68),
    entry: file.readUInt32LE(optional + 16),
    imageBytes: file.readUInt32LE(optional + 56),
    relocationBytes: file.readUInt32LE(optional + 112 + RELOCATIONS * 8 + 4),
    sections: Array.from({ length: file.readUInt16LE(coff + 2) }, (_, index) => {
      const at = table + index * 40;
      return {
        name: file.toString('latin1', at, at + 8).replace(/\0.*$/s, ''),
        size: file.readUInt32LE(at + 8),
        address: file.readUInt32LE(at + 12),
        offset: file.readUInt32LE(at + 20),
        flags: file.readUInt32LE(at + 36),
      };
    }),
  };
}

/** Returns the section that has the first instruction. */
export const entrySection = ({ sections, entry }: Pe): PeSection | undefined =>
  sections.find(({ address, size }) => entry >= address && entry < address + size);
