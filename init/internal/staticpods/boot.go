package staticpods

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
)

// inBoot gives a pod that runs once (restartPolicy OnFailure or Never) another uid in each boot. Containerd remembers
// over a boot that its containers have ended, so kubelet would never run the same pod again, although what it did to
// the kernel is gone. It concerns only manifests in JSON with a uid, which the image builder writes.
func inBoot(manifest []byte, boot string) []byte {
	var pod struct {
		Metadata struct {
			UID string `json:"uid"`
		} `json:"metadata"`
		Spec struct {
			RestartPolicy string `json:"restartPolicy"`
		} `json:"spec"`
	}
	if json.Unmarshal(manifest, &pod) != nil || pod.Metadata.UID == "" {
		return manifest
	}
	if policy := pod.Spec.RestartPolicy; policy == "" || policy == "Always" {
		return manifest
	}
	sum := sha256.Sum256([]byte(boot + "\n" + pod.Metadata.UID))
	id := sum[:16]
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // version 8 (RFC 9562)
	uid := fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
	return bytes.Replace(manifest, []byte(`"`+pod.Metadata.UID+`"`), []byte(`"`+uid+`"`), 1)
}
