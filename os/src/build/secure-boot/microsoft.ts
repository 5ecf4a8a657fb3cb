import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { workstationArch } from '../../workstation/arch.ts';
import { sha256 } from '../../workstation/digest.ts';
import type { Progress } from '../../workstation/progress.ts';
import { extract, fetchDebian } from '../sources/debian/archive.ts';
import { checkHash } from '../sources/integrity.ts';
import { toPem } from './certificate.ts';

/** Of this package only these files are used; none of its programs runs. */
const PACKAGE = 'python3-virt-firmware';
const FOLDER = 'usr/lib/python3/dist-packages/virt/firmware/certs';

/** The authorities for programs of others than Microsoft, with the SHA-256 of their certificates. */
const AUTHORITIES = {
  'MicrosoftCorporationUEFICA2011.pem':
    '48e99b991f57fc52f76149599bff0a58c47154229b9f8d603ac40d3500248507',
  'MicrosoftUEFICA2023.pem': 'f6124e34125bee3fe6d79a574eaa7b91c0e7bd9d929c1a321178efd611dad901',
} as const;

/** Returns the certificates of Microsoft by which option ROMs of cards are signed, in PEM form. */
export async function microsoftCertificates(progress: Progress): Promise<string[]> {
  const wanted = { arch: workstationArch(), packages: [PACKAGE], progress };
  const folder = path.join(await extract(await fetchDebian(wanted)), FOLDER);
  const found: string[] = [];
  for (const [name, digest] of Object.entries(AUTHORITIES)) {
    const { raw } = new X509Certificate(await readFile(path.join(folder, name)));
    checkHash(name, sha256(raw), digest);
    found.push(toPem(raw));
  }
  return found;
}
