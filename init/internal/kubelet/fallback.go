package kubelet

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"kios.dev/init/internal/atomicfile"
	"kios.dev/init/internal/plainfile"
)

const (
	// ownDropIns replaces the folder of drop-ins when kubelet does not run with them.
	ownDropIns = "/run/kios/kubelet.conf.d"
	// machineDropIn is the one that init writes, imageDropIn the image's, which says nothing.
	machineDropIn, imageDropIn = "05-machine.conf", "00-image.conf"

	// mostNames bounds what is listed of the folder. Beyond it there may be drop-ins of others.
	mostNames = 4096

	// endsAtBoot is about half a minute. No pod of this boot could correct the drop-ins meanwhile.
	endsAtBoot = 5
	// endsLater is about a quarter of an hour, so that a rollback by bootstrap comes first.
	endsLater = 20
)

// IsStuck reports whether the next start is to be without the drop-ins of others, after kubelet ended early so often in
// a row. served says that it had worked in this boot. If that start ends early too, the next ones are normal again,
// because then something else is the cause.
func IsStuck(earlyEnds int, served bool) bool {
	limit := endsAtBoot
	if served {
		limit = endsLater
	}
	return earlyEnds%(limit+1) == limit
}

// SetAsideDropIns makes the folder below root that a start without the drop-ins of others reads. It returns false if
// there are no such drop-ins, nor anything else (others) that such a start would leave out.
func SetAsideDropIns(root string, others bool) (bool, error) {
	from, to := filepath.Join(root, dropIns), filepath.Join(root, ownDropIns)
	names, err := plainfile.Names(from, mostNames)
	if err != nil || !others && len(names) < mostNames && !slices.ContainsFunc(names, isForeign) {
		return false, err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return false, err
	}
	text, err := plainfile.Read(from, machineDropIn, fileLimit)
	if err != nil {
		if err = os.Remove(filepath.Join(to, machineDropIn)); errors.Is(err, os.ErrNotExist) {
			err = nil
		}
		return true, err
	}
	return true, atomicfile.Write(filepath.Join(to, machineDropIn), text, 0o644)
}

func isForeign(name string) bool {
	return strings.HasSuffix(name, ".conf") && name != imageDropIn && name != machineDropIn
}
