import { REGISTRY } from '../../shipped.ts';
import type { Policy } from './permissions.ts';
import { type Faults, type Pod, record } from './view.ts';

const SHIPPED = `${REGISTRY}/`;
/** OCI distribution-spec: registry with or without port, names, then a tag, a digest or both. */
const REFERENCE =
  /^(?:[A-Za-z0-9.-]+(?::\d+)?\/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::[\w.-]{1,128})?(?:@sha256:[0-9a-f]{64})?$/;

function* referenceFaults(image: string, path: string, policy: Policy): Faults {
  if (image.startsWith(SHIPPED)) {
    if (!policy.images.includes(image))
      yield {
        path,
        cause: `${image} does not ship with the node; its images are ${policy.images.join(', ')}`,
      };
    return;
  }
  if (!REFERENCE.test(image)) yield { path, cause: `${JSON.stringify(image)} is no image’s name` };
  else if (!/[:@][^/]+$/.test(image) || image.endsWith(':latest'))
    yield {
      path,
      cause: `${image} has no fixed version: use a tag other than latest, or a digest`,
    };
}

/** Yields images that do not exist on the node, or whose content nobody fixed. */
export function* imageFaults(pod: Pod, policy: Policy): Faults {
  for (const { at, fields } of pod.containers) {
    const { image, imagePullPolicy } = fields;
    if (typeof image !== 'string') {
      yield { path: `${at}.image`, cause: 'is missing' };
      continue;
    }
    yield* referenceFaults(image, `${at}.image`, policy);
    if (imagePullPolicy === 'Never' && !image.startsWith(SHIPPED))
      yield {
        path: `${at}.image`,
        // Nobody can see here whether the node's image was built with it.
        cause: `${image} does not ship with the node, and imagePullPolicy Never forbids pulling it; IfNotPresent asks nobody for an image of build --image`,
      };
  }
  for (const { at, fields } of pod.volumes) {
    const { reference } = record(fields['image']);
    if (typeof reference === 'string')
      yield* referenceFaults(reference, `${at}.image.reference`, policy);
  }
}
