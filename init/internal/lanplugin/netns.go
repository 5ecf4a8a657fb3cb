package lanplugin

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/cni"
)

// withoutRouters keeps routers of the segment from giving an attachment's pod a default route beside that of its own
// network. An interface takes the setting over when it is made, before it could hear a router. It is set back for
// interfaces of other networks.
func (p *Plugin) withoutRouters(a Attachment) (restore func(), err error) {
	restore = func() {}
	if !a.isAttached() {
		return restore, nil
	}
	netns := p.Getenv("CNI_NETNS")
	file := filepath.Join(p.Conf, "default/accept_ra_defrtr")
	err = p.Enter(netns, func() {
		before, err := os.ReadFile(file)
		if err != nil {
			return // a kernel without IPv6
		}
		set(file, "0")
		restore = func() {
			// Without the namespace there is nothing to set back.
			p.Enter(netns, func() { set(file, strings.TrimSpace(string(before))) })
		}
	})
	if err != nil {
		return restore, cni.Fail(cni.CodeRefused, fmt.Errorf("enter the pod's network: %w", err))
	}
	return restore, nil
}

// enter does work in a network namespace, on a thread that ends with it.
func enter(netns string, work func()) error {
	file, err := os.Open(netns)
	if err != nil {
		return err
	}
	defer file.Close()
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET)
		if err == nil {
			work()
		}
		done <- err
	}()
	return <-done
}
