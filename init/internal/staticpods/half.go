package staticpods

import (
	"encoding/json"
	"path/filepath"
	"slices"

	"kios.dev/init/internal/plainfile"
)

// recordLimit bounds what is read of containerd's record of a container.
const recordLimit = 64 << 10

// Containers returns the containers of which containerd has records.
func Containers(records string) []string {
	names, _ := plainfile.Names(records, maxNames)
	return names
}

// HalfMade returns the containers that are being created, or were created and do not run yet, by containerd's records
// of the containers of pods. A kubelet that ends now would make each of them again, which counts as a restart. Those
// that are older than this boot are left out: kubelet starts none of them any more.
func HalfMade(records string, older []string) (ids []string) {
	for _, id := range Containers(records) {
		if slices.Contains(older, id) {
			continue
		}
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
