package staticpods

import (
	"encoding/json"
	"path/filepath"
	"slices"

	"kios.dev/init/internal/plainfile"
)

// recordLimit bounds what is read of containerd's record of a container.
const recordLimit = 64 << 10

// HalfMade returns the containers that are being created, or were created and do not run yet, by containerd's records
// of the containers of pods. A kubelet that ends now would make each of them again, which counts as a restart.
func HalfMade(records string) (ids []string) {
	names, _ := plainfile.Names(records, maxNames)
	for _, id := range names {
		// Without a record it is being created; containerd writes one before it answers.
		var record struct{ StartedAt, FinishedAt int64 }
		content, err := plainfile.Read(filepath.Join(records, id), "status", recordLimit)
		if err != nil || json.Unmarshal(content, &record) != nil || record.StartedAt == 0 && record.FinishedAt == 0 {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
