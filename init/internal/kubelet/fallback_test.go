package kubelet

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// A document gave kubelet a field with which it does not start. After a reboot no agent runs that could take it back.
func TestAKubeletThatNeverRanIsStartedWithoutTheDropInsOfOthers(t *testing.T) {
	var stuck []int
	for ends := range 13 {
		if IsStuck(ends, false) {
			stuck = append(stuck, ends)
		}
	}
	if !slices.Equal(stuck, []int{5, 11}) {
		t.Errorf("without drop-ins after %v ends", stuck)
	}
	for ends := range endsLater {
		if IsStuck(ends, true) {
			t.Errorf("after %d ends bootstrap could not roll back", ends)
		}
	}
	if !IsStuck(endsLater, true) {
		t.Error("a kubelet that had run stays stuck")
	}
	if args := Make(Files{OwnDropInsOnly: true, Credentials: true}, own).Args; len(args) != 3 || args[2] != "--config-dir=/run/kios/kubelet.conf.d" {
		t.Errorf("%q", args)
	}
}

func TestOnlyInitsOwnDropInIsLeft(t *testing.T) {
	root := t.TempDir()
	from, to := filepath.Join(root, dropIns), filepath.Join(root, ownDropIns)
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(from, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(from, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	setAside := func() bool {
		t.Helper()
		differs, err := SetAsideDropIns(root, false)
		if err != nil {
			t.Fatal(err)
		}
		return differs
	}
	write("00-image.conf", "")
	write("05-machine.conf", "machine")
	write("notes.txt", "kubelet ignores this file")
	if setAside() {
		t.Error("a start without drop-ins differs, although there are none")
	}
	if differs, err := SetAsideDropIns(root, true); !differs || err != nil {
		t.Errorf("credential providers alone: %v %v", differs, err)
	}
	if _, err := os.Stat(to + "/05-machine.conf"); err != nil {
		t.Error(err)
	}
	write("20-cluster.conf", "cluster")
	write("50-user.conf", "{")
	if !setAside() {
		t.Error("the drop-ins are not seen")
	}
	entries, err := os.ReadDir(to)
	if err != nil || len(entries) != 1 || entries[0].Name() != "05-machine.conf" {
		t.Errorf("%v %v", entries, err)
	}
	if text, _ := os.ReadFile(to + "/05-machine.conf"); string(text) != "machine" {
		t.Errorf("%q", text)
	}
	if err := os.Remove(from + "/05-machine.conf"); err != nil {
		t.Fatal(err)
	}
	if !setAside() {
		t.Error("without init's own the drop-ins of others are not set aside")
	}
	if _, err := os.Stat(to + "/05-machine.conf"); !os.IsNotExist(err) {
		t.Errorf("a former drop-in is left: %v", err)
	}
}

// A pod with /etc may put names without number into the folder, and init cannot list them all.
func TestAFolderOfTooManyNamesIsSetAsideUnread(t *testing.T) {
	root := t.TempDir()
	from, to := filepath.Join(root, dropIns), filepath.Join(root, ownDropIns)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(from, 0o755))
	for i := range mostNames {
		must(os.WriteFile(filepath.Join(from, strconv.Itoa(i)), nil, 0o644))
	}
	if differs, err := SetAsideDropIns(root, false); !differs || err != nil {
		t.Errorf("%v %v", differs, err)
	}
	// Nor is a folder emptied that stands in the place of init's own file.
	must(os.MkdirAll(filepath.Join(to, machineDropIn, "full"), 0o755))
	if differs, err := SetAsideDropIns(root, false); !differs || !errors.Is(err, unix.ENOTEMPTY) {
		t.Errorf("%v %v", differs, err)
	}
}
