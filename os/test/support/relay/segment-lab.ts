import { buildImage } from '../../../src/build/image/build-image.ts';
import {
  type ControlPlane,
  startControlPlane,
} from '../../../src/lab/controlplane/controlplane.ts';
import { down } from '../../../src/lab/down.ts';
import { Kubectl } from '../../../src/lab/kubectl.ts';
import { ensurePackages } from '../../../src/workstation/packages.ts';
import { type Progress, silent } from '../../../src/workstation/progress.ts';

/** The cluster and image that nodes on segments share. `down` ends it. */
export interface SegmentLab {
  readonly plane: ControlPlane;
  readonly kubectl: Kubectl;
  readonly image: string;
}

/** Builds the image and starts a cluster without nodes, in place of what ran before. */
export async function openSegmentLab(progress: Progress): Promise<SegmentLab> {
  await down(silent, { purge: true });
  await ensurePackages(['build', 'machine', 'netns'], progress);
  const { image } = await buildImage({ arch: 'amd64', progress });
  const plane = await startControlPlane({ progress });
  return { plane, image, kubectl: await Kubectl.open(plane.adminKubeconfig) };
}
