import type { Progress } from '../../workstation/progress.ts';
import { openTools, type Toolroot } from '../sources/debian/toolroot.ts';

/** sbsigntool signs programs. Of its lists of keys firmware refuses the first one; those of efitools it takes. */
const PACKAGES = [
  'libc6',
  'efitools',
  'sbsigntool',
  'libssl3t64',
  'libuuid1',
  'libzstd1',
  'zlib1g',
];

type SigningTool =
  | 'usr/bin/cert-to-efi-sig-list'
  | 'usr/bin/sbsign'
  | 'usr/bin/sbverify'
  | 'usr/bin/sign-efi-sig-list';

export type SigningTools = Toolroot<SigningTool>;

export const openSigningTools = (progress: Progress): Promise<SigningTools> =>
  openTools<SigningTool>(PACKAGES, progress);
