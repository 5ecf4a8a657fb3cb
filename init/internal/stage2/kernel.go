package stage2

import (
	"errors"
	"math"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/atomicfile"
	"kios.dev/init/internal/prefetch"
	"kios.dev/init/internal/routers"
	"kios.dev/init/internal/sysctl"
	"kios.dev/init/internal/traceguard"
)

// prepareKernel configures the kernel for a node. Pods run even if a part of it fails.
func (h *host) prepareKernel() {
	h.applySysctls(sysctl.AtBoot())
	h.applySysctls(sysctl.Reserve("/proc/sys", memory()))
	h.applySysctls(sysctl.Neighbours(memory()))
	h.boundClock()
	for _, part := range []struct {
		name    string
		prepare func() error
	}{
		{"limits", setLimits}, {"root's read-ahead", h.readRoot}, {"loopback", loopbackUp},
		{"resolv.conf", firstResolvConf},
		{"ctrl-alt-del", func() error { return unix.Reboot(unix.LINUX_REBOOT_CMD_CAD_OFF) }},
	} {
		if err := part.prepare(); err != nil {
			h.log.Warn("host.failed", "what", part.name, "cause", err)
		}
	}
	h.phases.save(func(s *bootState) {
		s.BootID, s.Version, s.Kernel = readLine("/proc/sys/kernel/random/boot_id"), h.release.Version, readLine("/proc/sys/kernel/osrelease")
		s.BuildTime = h.release.BuildTime.Format(time.RFC3339)
	})
	h.phases.reached("kernel")
}

// guardInit comes before init opens files in the background: QEMU without KVM may run the breakpoint with which the
// kernel patches a hook after the kernel has taken it away.
func (h *host) guardInit() {
	switch err := traceguard.Attach(readLine("/proc/sys/kernel/osrelease")); {
	case errors.Is(err, os.ErrNotExist): // arm64
		h.log.Info("init.unguarded", "cause", err)
	case err != nil:
		h.log.Warn("host.failed", "what", "guard of init's memory", "cause", err)
	}
}

func (h *host) applySysctls(table []sysctl.Setting) {
	for _, failure := range sysctl.Apply("/proc/sys", sysctl.Except(table, h.options.Sysctls)) {
		h.log.Warn("sysctl.failed", "name", failure.Name, "cause", failure.Err)
	}
}

// followRouters lets hardware links believe router announcements, those that exist and those that appear. It comes
// before any link is up, and after a person's settings are known.
func (h *host) followRouters() {
	links, err := routers.Open(h.options.Sysctls, func(link string, err error) {
		h.log.Warn("routers.failed", "link", link, "cause", err)
	})
	if err != nil {
		h.log.Warn("host.failed", "what", "router announcements", "cause", err)
		return
	}
	go links.Follow()
}

// limits holds what children inherit: the limits that systemd's units for them give, and none on what the kernel
// counts for all processes of a user, pods included. The soft limit on files stays low for programs that close every
// descriptor they might have. containerd and kubelet raise their own.
var limits = map[int]syscall.Rlimit{
	unix.RLIMIT_NOFILE:     {Cur: 1024, Max: 1 << 20},
	unix.RLIMIT_NPROC:      {Cur: math.MaxUint64, Max: math.MaxUint64},
	unix.RLIMIT_SIGPENDING: {Cur: math.MaxUint64, Max: math.MaxUint64}, // charged to the memory of the sender's group
	unix.RLIMIT_MEMLOCK:    {Cur: math.MaxUint64, Max: math.MaxUint64},
	unix.RLIMIT_CORE:       {Cur: 0, Max: math.MaxUint64},
}

func setLimits() error {
	for resource, limit := range limits {
		if err := syscall.Setrlimit(resource, &limit); err != nil {
			return err
		}
	}
	return nil
}

// readRoot sets what a page fault on the root reads around it, and reads what the first pods will touch in the
// background.
func (h *host) readRoot() error {
	text, err := os.ReadFile(prefetch.List)
	if err != nil {
		return err
	}
	plan, err := prefetch.Parse(string(text))
	if err != nil {
		return err
	}
	opened, err := plan.Open()
	go func() {
		if err := opened.Read(); err != nil {
			h.log.Warn("host.failed", "what", "reading the root ahead", "cause", err)
		}
	}()
	return err
}

// firstResolvConf creates the target of the link /etc/resolv.conf, so that it can be opened before there is a lease.
func firstResolvConf() error {
	return atomicfile.Write(runDir+"/net/resolv.conf", []byte("# no lease yet\n"), 0o644)
}
