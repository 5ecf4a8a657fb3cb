package kubelet

import (
	"errors"
	"os"
	"path/filepath"

	"kios.dev/init/internal/atomicfile"
	"kios.dev/init/internal/plainfile"
)

// checkpoints are what kubelet remembers, in its folder, of what it gave to running containers: processors, memory,
// devices, and resources of pods. It ends at its start when another version wrote one in a form that it does not know.
var checkpoints = []string{"cpu_manager_state", "memory_manager_state", "dra_manager_state", "allocated_pods_state", "actuated_pods_state"}

// versionLimit bounds the file with the version, in bytes.
const versionLimit = 256

// ForgetCheckpoints removes kubelet's checkpoints from its folder unless the same version of it ran last, which marker
// remembers. It comes before the first start of a boot, when none of the containers that they tell of runs. It reports
// whether there were any.
func ForgetCheckpoints(folder, marker, version string) (forgot bool, err error) {
	was, err := plainfile.Read(filepath.Dir(marker), filepath.Base(marker), versionLimit)
	if err == nil && string(was) == version+"\n" {
		return false, nil
	}
	var failed []error
	for _, name := range checkpoints {
		err := os.Remove(filepath.Join(folder, name))
		forgot = forgot || err == nil
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			failed = append(failed, err)
		}
	}
	if len(failed) > 0 {
		return forgot, errors.Join(failed...)
	}
	return forgot, atomicfile.Write(marker, []byte(version+"\n"), 0o644)
}
