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

// During the start phase the runtime and kubelet yield to running containers. Otherwise the pod that brings up the
// network would get almost no processor time until the last sandbox is made. normalWeight is the kernel's default.
const (
	startWeight  = "15"
	normalWeight = "100"
	startPhase   = 30 * time.Second
)

func setWeight(weight string) error { return os.WriteFile(cgroupOwn+"/cpu.weight", []byte(weight), 0) }

// prepareCgroups makes a group for every program of the host, beside kubelet's /kubepods. The group for shims is for a
// configuration of containerd that names it, so that their memory does not count as containerd's.
func prepareCgroups() error {
	for _, name := range []string{"init", "containerd", "kubelet", "shims"} {
		if err := os.MkdirAll(filepath.Join(cgroupOwn, name), 0o755); err != nil {
			return err
		}
	}
	if err := os.WriteFile(cgroupOwn+"/init/cgroup.procs", []byte("1"), 0); err != nil {
		return err
	}
	return errors.Join(delegate(cgroupRoot), delegate(cgroupOwn), setWeight(startWeight))
}

// delegate enables every controller for a group's children.
func delegate(group string) error {
	var failed []error
	for controller := range strings.FieldsSeq(readLine(group + "/cgroup.controllers")) {
		failed = append(failed, os.WriteFile(group+"/cgroup.subtree_control", []byte("+"+controller), 0))
	}
	return errors.Join(failed...)
}

// endStartPhase takes back what only the first pods need, and does what can wait.
func (h *host) endStartPhase() {
	if err := setWeight(normalWeight); err != nil {
		h.log.Warn("cgroup.weight", "cause", err)
	}
	h.applySysctls(sysctl.AfterStart())
	h.reserveRoom()
	go h.watchRoom()
}
