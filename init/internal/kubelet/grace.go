package kubelet

import (
	"bytes"
	"strconv"
	"time"
)

// Kubelet says in this line how long pods have when the machine stops, by groups of their priority
// (pkg/kubelet/nodeshutdown/nodeshutdown_manager_linux.go). Nothing but kubelet knows what its drop-ins come to.
var (
	shutdownManager = []byte("Creating node shutdown manager")
	groupPeriod     = []byte(`"ShutdownGracePeriodSeconds":`)
)

// GracePeriod returns the time that kubelet gives to all pods together when the machine stops, if a line of its log
// says so.
func GracePeriod(line []byte) (sum time.Duration, found bool) {
	_, rest, _ := bytes.Cut(line, shutdownManager)
	for {
		var isGroup bool
		if _, rest, isGroup = bytes.Cut(rest, groupPeriod); !isGroup {
			return sum, found
		}
		digits := rest[:len(rest)-len(bytes.TrimLeft(rest, "0123456789"))]
		seconds, err := strconv.ParseInt(string(digits), 10, 32) // more is not a time that anybody waits
		if err != nil {
			return 0, false
		}
		sum, found = sum+time.Duration(seconds)*time.Second, true
	}
}
