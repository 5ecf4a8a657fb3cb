package routers

import (
	"encoding/binary"
	"syscall"

	"golang.org/x/sys/unix"
)

// change is a link that has got an IPv6 configuration, or lost it.
type change struct {
	index int32
	gone  bool
}

// parse reads notices of the group RTNLGRP_IPV6_NETCONF: a struct netconfmsg of four bytes, then attributes
// (rtnetlink(7)). The kernel's notices for all links and for the default have negative indices and are left out.
func parse(datagram []byte) []change {
	const (
		head         = 4
		attributeLen = 4
		ifIndex      = 1 // NETCONFA_IFINDEX
	)
	messages, err := syscall.ParseNetlinkMessage(datagram)
	if err != nil {
		return nil
	}
	var changes []change
	for _, m := range messages {
		if m.Header.Type != unix.RTM_NEWNETCONF && m.Header.Type != unix.RTM_DELNETCONF {
			continue
		}
		for rest := m.Data[min(head, len(m.Data)):]; len(rest) >= attributeLen; {
			length := int(binary.NativeEndian.Uint16(rest))
			if length < attributeLen || length > len(rest) {
				break
			}
			if binary.NativeEndian.Uint16(rest[2:]) == ifIndex && length == attributeLen+4 {
				if index := int32(binary.NativeEndian.Uint32(rest[attributeLen:])); index > 0 {
					changes = append(changes, change{index, m.Header.Type == unix.RTM_DELNETCONF})
				}
			}
			rest = rest[min((length+3)&^3, len(rest)):]
		}
	}
	return changes
}
