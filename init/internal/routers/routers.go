// Package routers decides which links believe the announcements of IPv6 routers: hardware, and nothing that a pod or a
// pod network has made. A node forwards, and a pod whose announcements it believed could take over its traffic.
package routers

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/sysctl"
)

const (
	// believe accepts announcements although the node forwards; with 1 they would be refused.
	believe = "2"
	refuse  = "0"
)

// Links sets every link once, when it gets its IPv6 configuration. A program that changes the setting later has its
// way.
type Links struct {
	sys      string // class folder of network links in sysfs
	conf     string // folder of their IPv6 settings
	given    []string
	notices  *os.File
	done     map[int32]bool // by index
	failures func(link string, err error)
}

// Open subscribes to changes and sets the links that exist. given are the settings of the kernel command line, as paths
// below /proc/sys: a link of which one speaks, or all links if one speaks of the default, keep what they have.
func Open(given []string, failed func(link string, err error)) (*Links, error) {
	l := &Links{sys: "/sys/class/net", conf: "/proc/sys/net/ipv6/conf", given: given, failures: failed}
	return l, l.open()
}

func (l *Links) open() error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1 << (unix.RTNLGRP_IPV6_NETCONF - 1)}); err != nil {
		unix.Close(fd)
		return err
	}
	l.notices = os.NewFile(uintptr(fd), "rtnetlink")
	l.setAll()
	return nil
}

// Follow sets each link that appears. It returns when the subscription ends.
func (l *Links) Follow() {
	buffer := make([]byte, 32<<10)
	for l.next(buffer) {
	}
}

// next takes one datagram. When the kernel had to drop some, every link is looked at again.
func (l *Links) next(buffer []byte) bool {
	n, err := l.notices.Read(buffer)
	if errors.Is(err, unix.ENOBUFS) {
		l.setAll()
		return true
	}
	if err != nil {
		return false
	}
	for _, c := range parse(buffer[:n]) {
		l.take(c)
	}
	return true
}

func (l *Links) take(c change) {
	if c.gone {
		delete(l.done, c.index)
		return
	}
	for _, name := range l.names() {
		if index, ok := l.index(name); ok && index == c.index && !l.done[index] {
			l.set(name, index)
		}
	}
}

func (l *Links) setAll() {
	l.done = map[int32]bool{}
	for _, name := range l.names() {
		if index, ok := l.index(name); ok {
			l.set(name, index)
		}
	}
}

func (l *Links) names() []string {
	entries, _ := os.ReadDir(l.sys)
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	return names
}

func (l *Links) index(name string) (int32, bool) {
	text, err := os.ReadFile(filepath.Join(l.sys, name, "ifindex"))
	if err != nil {
		return 0, false
	}
	index, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 32)
	return int32(index), err == nil
}

func (l *Links) set(name string, index int32) {
	setting := filepath.Join(l.conf, name, "accept_ra")
	if l.isGiven(name, "accept_ra") {
		return
	}
	value := refuse
	if _, err := os.Stat(filepath.Join(l.sys, name, "device")); err == nil {
		value = believe
	}
	err := sysctl.Write(setting, value)
	if errors.Is(err, fs.ErrNotExist) {
		return // no IPv6 on this link, or not yet
	}
	l.done[index] = true
	if err := errors.Join(err, l.refuseRedirects(name)); err != nil {
		l.failures(name, err)
	}
}

// refuseRedirects gives a link that is older than the setting of the default what later ones get from it.
func (l *Links) refuseRedirects(name string) error {
	if l.isGiven(name, "accept_redirects") {
		return nil
	}
	err := sysctl.Write(filepath.Join(l.conf, name, "accept_redirects"), refuse)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (l *Links) isGiven(name, setting string) bool {
	const folder = "net/ipv6/conf/"
	return slices.ContainsFunc([]string{name, "default"}, func(of string) bool {
		return slices.Contains(l.given, folder+of+"/"+setting)
	})
}
