package stage2

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"kios.dev/init/internal/sysctl"
)

const (
	cgroupRoot = "/sys/fs/cgroup"
	cgroupOwn  = cgroupRoot + "/kios"
)

// While the first pods start, the runtime and kubelet yield to containers that run already: otherwise the pod that brings up the
// network gets a sliver of the processor until the last sandbox stands. Afterwards the host weighs what it weighs elsewhere.
const (
	startWeight  = "15"
	normalWeight = "100"
	startPhase   = 30 * time.Second
)

func weigh(weight string) error { return os.WriteFile(cgroupOwn+"/cpu.weight", []byte(weight), 0) }

// prepareCgroups gives every program of the host a group beside kubelet's /kubepods. Shims have one of their own, so that what
// counts as containerd's memory is containerd's.
func prepareCgroups() error {
	for _, name := range []string{"init", "containerd", "kubelet", "shims"} {
		if err := os.MkdirAll(filepath.Join(cgroupOwn, name), 0o755); err != nil {
			return err
		}
	}
	if err := os.WriteFile(cgroupOwn+"/init/cgroup.procs", []byte("1"), 0); err != nil {
		return err
	}
	return errors.Join(delegate(cgroupRoot), delegate(cgroupOwn), weigh(startWeight))
}

// delegate turns on every controller for a group's children.
func delegate(group string) error {
	var failed []error
	for controller := range strings.FieldsSeq(readLine(group + "/cgroup.controllers")) {
		failed = append(failed, os.WriteFile(group+"/cgroup.subtree_control", []byte("+"+controller), 0))
	}
	return errors.Join(failed...)
}

func (h *host) endStartPhase() {
	if err := weigh(normalWeight); err != nil {
		h.log.Warn("cgroup.weight", "cause", err)
	}
	h.applySysctls(sysctl.AfterStart())
}
