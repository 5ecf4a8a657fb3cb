package reserve

import (
	"fmt"
	"strings"
)

// Config returns a plan as a drop-in of kubelet. Kubelet merges maps key by key, so a later drop-in may change one
// resource and keep the others. Every eviction signal is given, because kubelet's own defaults count only without any.
func (p Plan) Config() []byte {
	var b strings.Builder
	b.WriteString("# Written by init at each start of kubelet, for this machine (docs/limits.md). Later drop-ins override it.\n" +
		"apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n")
	for _, reserved := range []struct {
		name string
		Amounts
	}{{"systemReserved", p.System}, {"kubeReserved", p.Kube}} {
		fmt.Fprintf(&b, "%s:\n  cpu: %dm\n  memory: %s\n  pid: \"%d\"\n", reserved.name, reserved.MilliCPU, mebi(reserved.Memory), reserved.Tasks)
		if reserved.Storage > 0 {
			fmt.Fprintf(&b, "  ephemeral-storage: %s\n", mebi(reserved.Storage))
		}
	}
	fmt.Fprintf(&b, "podPidsLimit: %d\nevictionHard:\n  memory.available: %s\n  pid.available: \"%d\"\n", p.PodTasks, mebi(p.EvictMemory), p.EvictTasks)
	left := 15
	if p.ImagesInRAM {
		left = imagesLeft
	}
	fmt.Fprintf(&b, "  nodefs.available: 10%%\n  nodefs.inodesFree: 5%%\n  imagefs.available: %d%%\n  imagefs.inodesFree: 5%%\n", left)
	if p.ImagesInRAM {
		fmt.Fprintf(&b, "imageGCHighThresholdPercent: %d\nimageGCLowThresholdPercent: %d\n", imagesHigh, imagesLow)
	}
	return []byte(b.String())
}

// mebi rounds down, so that the sum of what is kept back stays below what the machine has.
func mebi(bytes uint64) string { return fmt.Sprintf("%dMi", bytes/mib) }
