import type { Arch, Board } from '../../workstation/paths.ts';
import type { ArtefactKind } from '../kind.ts';
import type { FileSystem } from './file-system.ts';
import type { GoVersion } from './go-version.ts';

/** A part of an artefact with its size in bytes and its SHA-256 in hexadecimal. */
export interface Part {
  readonly bytes: number;
  readonly sha256: string;
}

export interface NamedPart extends Part {
  readonly name: string;
}

export interface InspectedPartition {
  readonly label: string;
  readonly type: string;
  readonly guid: string;
  readonly offset: number;
  readonly bytes: number;
  readonly fileSystem?: FileSystem;
}

export interface InspectedDisk {
  readonly guid: string;
  readonly partitions: readonly InspectedPartition[];
  /** Files of the boot partition. */
  readonly files: readonly NamedPart[];
  /** That of them which starts next: the node's EFI file, or the kernel of a board. */
  readonly starts: string;
}

export interface InspectedEfi extends Part {
  readonly sections: readonly NamedPart[];
  readonly commandLine: string;
  /** Version of the kernel. */
  readonly kernel: string;
  /** Files of the initramfs that are there before the root is mounted. */
  readonly early: readonly NamedPart[];
}

/** What a board without UEFI starts; its files are those of the boot partition. */
export interface InspectedBoard {
  readonly name: Board;
  readonly commandLine: string;
  /** Files of the initramfs that are there before the root is mounted. */
  readonly early: readonly NamedPart[];
}

/** A regular file of the root. */
export interface RootFile extends NamedPart {
  /** Bytes that it takes in the compressed image; 0 for another name of an earlier file. */
  readonly stored: number;
}

export interface InspectedProgram extends GoVersion {
  readonly file: string;
  readonly bytes: number;
}

/** A container image that ships with the node. */
export interface InspectedImage {
  readonly name: string;
  /** Digest of its manifest. */
  readonly digest: string;
  readonly entrypoint: readonly string[];
  readonly layers: readonly { readonly digest: string; readonly snapshot?: number }[];
}

export interface InspectedMount {
  /** The path on the host, or the kind of another volume. */
  readonly from: string;
  readonly to: string;
  readonly readOnly: boolean;
}

export interface InspectedContainer {
  readonly name: string;
  readonly image: string;
  readonly isInit: boolean;
  readonly capabilities: readonly string[];
  readonly privileged: boolean;
  readonly user?: number;
  readonly readOnlyRoot: boolean;
  readonly memory?: string;
  readonly mounts: readonly InspectedMount[];
}

/** A static pod. */
export interface InspectedPod {
  readonly file: string;
  /** `NAMESPACE/NAME`. */
  readonly key: string;
  readonly uid: string;
  readonly sha256: string;
  /** Namespaces of the host: `network`, `PID`, `IPC`. */
  readonly host: readonly string[];
  readonly containers: readonly InspectedContainer[];
}

export interface Release {
  readonly version: string;
  readonly buildTime: string;
  readonly kernel: string;
  readonly arch: Arch;
}

export interface InspectedRoot extends Part {
  readonly release: Release;
  readonly files: readonly RootFile[];
  readonly programs: readonly InspectedProgram[];
  readonly images: readonly InspectedImage[];
  readonly pods: readonly InspectedPod[];
}

/** A share of the artefact's bytes. */
export interface Share {
  readonly what: string;
  readonly bytes: number;
  readonly unpacked?: number;
}

export interface Inspection {
  readonly file: string;
  readonly kind: ArtefactKind;
  readonly bytes: number;
  /** Bytes that the file takes on the workstation's disk. */
  readonly allocated?: number;
  /** SHA-256 of the whole file; a device has none. */
  readonly sha256?: string;
  readonly disk?: InspectedDisk;
  readonly efi?: InspectedEfi;
  readonly board?: InspectedBoard;
  readonly root: InspectedRoot;
  readonly shares: readonly Share[];
}
