/** A system as it is started, and what looks at it. */
export interface Start {
  /** Bytes of the EFI file, and of the initramfs in it. */
  readonly efiBytes: number;
  readonly initrdBytes: number;
  /** Bytes of the root beside it, or 0. */
  readonly besideBytes: number;
  readonly secureBoot: boolean;
  readonly tpm: boolean;
}

/** Bytes of a system that are hashed at a start, by who hashes them. */
export interface Hashed {
  /** Firmware, for the signature and into each PCR. The kernel inside counts as part of the file alone. */
  readonly firmware: number;
  readonly init: number;
}

/**
 * Returns the bytes that are hashed of a system. The signature is over the file. With a TPM firmware measures the file
 * (PCR 4), the stub the sections of it (PCR 11) and what lies beside (PCR 13), and the kernel the initramfs that it
 * gets (PCR 9).
 */
export function hashedOf({ efiBytes, initrdBytes, besideBytes, secureBoot, tpm }: Start): Hashed {
  const checked = secureBoot ? efiBytes : 0;
  const measured = tpm ? 2 * efiBytes + besideBytes + (initrdBytes + besideBytes) : 0;
  return { firmware: checked + measured, init: besideBytes };
}
