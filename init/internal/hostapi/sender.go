package hostapi

import (
	"net"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/plainfile"
)

const (
	// podLogs holds one folder a pod, NAMESPACE_NAME_UID, which kubelet makes before the pod's first container.
	podLogs = "/var/log/pods"
	// mostPods bounds what is read of that folder.
	mostPods = 4096
)

// sender names the process at the other end of a connection, as the kernel knows it. It is looked up when the
// connection is made, because the process may end before its bytes are read.
type sender struct {
	pid   int
	group string // path of its control group, "" when the process has ended
}

// senderOf asks the kernel who connected. The descriptor of the process shows afterwards that the number was its own
// all the time, and not one that another process has got since.
func senderOf(conn net.Conn) (s sender) {
	unixConn, ok := conn.(*net.UnixConn)
	if !ok {
		return s
	}
	raw, err := unixConn.SyscallConn()
	if err != nil {
		return s
	}
	raw.Control(func(fd uintptr) {
		peer, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		if err != nil {
			return
		}
		s.pid = int(peer.Pid)
		process, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PEERPIDFD)
		if err != nil {
			return
		}
		defer unix.Close(process)
		group, err := os.ReadFile("/proc/" + strconv.Itoa(s.pid) + "/cgroup")
		if err == nil && unix.PidfdSendSignal(process, 0, nil, 0) == nil {
			s.group = groupOf(string(group))
		}
	})
	return s
}

// groupOf returns the path of the version 2 hierarchy (cgroups(7)).
func groupOf(text string) string {
	for line := range strings.Lines(text) {
		if group, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::"); ok {
			return group
		}
	}
	return ""
}

// String returns `pod NAMESPACE/NAME`, `pod UID` for one without logs, or `process PID` for any other. Nothing in it
// comes from the sender.
func (s sender) String() string {
	uid := podUID(s.group)
	if uid == "" {
		return "process " + strconv.Itoa(s.pid)
	}
	if name := podName(podLogs, uid); name != "" {
		return "pod " + name
	}
	return "pod " + uid
}

// podUID returns the uid in the path of a container's group, /kubepods[/CLASS]/podUID/CONTAINER, or "".
func podUID(group string) string {
	below, ok := strings.CutPrefix(group, "/kubepods/")
	if !ok {
		return ""
	}
	for part := range strings.SplitSeq(below, "/") {
		if uid, ok := strings.CutPrefix(part, "pod"); ok && isName(uid) {
			return uid
		}
	}
	return ""
}

// podName returns the namespace and name of a pod from the folder of its logs, or "".
func podName(logs, uid string) string {
	names, _ := plainfile.Names(logs, mostPods)
	for _, entry := range names {
		words := strings.Split(entry, "_")
		if len(words) == 3 && words[2] == uid && isName(words[0]) && isName(words[1]) {
			return words[0] + "/" + words[1]
		}
	}
	return ""
}

// isName reports whether text has only the characters of Kubernetes' names.
func isName(text string) bool {
	return text != "" && len(text) <= 253 && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789.-") == ""
}
