import type { DiskIdentity } from '../disks/disk.ts';

/** Rights that a device is opened with. For writing, nobody else may use it, nor mount a file system of it. */
export type Mode = 'read' | 'write';

/**
 * A disk as the flash uses it. Places and lengths are whole sectors. Failures are those of `device-error.ts`. Disposing
 * of it lets go of the disk, in whatever state it is.
 */
export interface BlockDevice extends AsyncDisposable {
  readonly disk: DiskIdentity;
  readonly bytes: number;
  write(at: number, data: Uint8Array): Promise<void>;
  zero(at: number, length: number): Promise<void>;
  /** Returns when everything that was written survives a power cut. */
  flush(): Promise<void>;
  /** Returns the SHA-256 of what the medium itself holds; no cache of this machine takes part. */
  digest(at: number, length: number): Promise<string>;
  /** Returns what the medium itself holds. */
  read(at: number, length: number): Promise<Buffer>;
}
